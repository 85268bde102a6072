package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/check"
	"culvert/operate/conffile"
	"culvert/operate/manage"
	"culvert/role/profile"
)

// Limit is how long an examination takes at most.
const Limit = 15 * time.Second

// Options say whom to examine, and how.
type Options struct {
	// File is a client's profile or a server's configuration.
	File string
	// Dir is the directory of a server that `culvert init` made, "" for none. File
	// then is its server.conf.
	Dir string
	// StateDir is where running processes have their sockets; "": manage.DefaultDir.
	StateDir string
	// NoConnect makes no full connection to a server.
	NoConnect bool
	// Fix mends what can be mended without asking.
	Fix bool
	// Forward says that the server that is watched makes its host a router (Watch).
	Forward bool
	Now     func() time.Time // nil: time.Now
}

// filled are options with defaults for what is not given.
func (o Options) filled() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.StateDir == "" {
		o.StateDir = manage.DefaultDir()
	}
	return o
}

// Examine makes all checks on a profile or a server, and hands each result to emit in
// a fixed order, as soon as it and those before it are there. The error says why there
// is nothing to look at.
func Examine(ctx context.Context, o Options, emit func(Result)) (*Report, error) {
	o = o.filled()
	if o.Dir != "" {
		o.File = filepath.Join(o.Dir, "server.conf")
		if _, err := os.Stat(o.File); errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s is not a server's directory: it has no server.conf; to make one, run: culvert init --dir %[1]s --host NAME", o.Dir)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	text, err := process.ReadFile(o.File)
	if err != nil {
		return nil, conffile.Unread(err, o.File, "a client's profile, such as laptop.ovpn, or a server's configuration; for a directory made by `culvert init`, use --dir D")
	}
	report := &Report{Subject: o.File}
	explained := check.Text(o.File, text, process.ReadFile, o.Now())
	report.Role = explained.Role
	if o.Dir != "" {
		report.Role = "server"
	}
	checks := []inspection{configuration(explained)}
	cfg, err := config.ParseFile(o.File, text, process.ReadFile)
	switch {
	case err != nil:
		checks = append(checks, damaged(ctx, o, report.Role)...)
	case cfg.Mode == config.ModeServer:
		checks = append(checks, serverChecks(ctx, o, cfg)...)
	case cfg.Pull:
		if err := profile.SendsUnasked(cfg, o.File, false); err != nil { // with each first packet
			return nil, err
		}
		checks = append(checks, clientChecks(ctx, o, cfg)...)
	default:
		return nil, fmt.Errorf("%s is for one of two paired hosts, which is neither a client nor a server: doctor does not know those; culvert check %[1]s explains the file", o.File)
	}
	report.Results = run(ctx, checks, o.Fix, emit)
	return report, nil
}

// configuration has what `culvert check` finds to be wrong.
func configuration(r *check.Report) inspection {
	return inspection{name: "configuration", about: "faults in the file, as a start would find them", look: func(_ context.Context, n *notes) {
		weak := 0
		for _, f := range r.Findings {
			switch {
			case f.Severity == check.Err:
				at := f.File
				if f.Line > 0 {
					at = fmt.Sprintf("%s:%d", f.File, f.Line)
				}
				mend := f.Instead
				if mend == "" {
					mend = "culvert check " + shell(r.File)
				}
				n.problem(f.Text, at, mend)
			case f.Severity == check.Warn:
				weak++
			}
		}
		if weak > 0 {
			n.note(fmt.Sprintf("%d lines or files are weak or old, which keeps nothing from working", weak), "", "culvert check "+shell(r.File))
		}
		n.saw("%d lines are understood", len(r.Directives))
	}}
}

// damaged are the checks that make sense where the file cannot be used.
func damaged(ctx context.Context, o Options, role string) []inspection {
	if role != "server" || o.Dir == "" {
		return nil
	}
	s := serverKeys{&server{Options: o}}
	return []inspection{s.listCheck(), s.clientsCheck(), clockCheck(o.Now, nil)}
}
