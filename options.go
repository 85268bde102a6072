package culvert

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"culvert/config"
	"culvert/host/process"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/server"
)

// ErrNotAllowed is wrapped by what refuses a configuration that does more than
// Options allow it.
var ErrNotAllowed = errors.New("the configuration does more than it is allowed to")

// Options are the settings that a configuration does not hold. The zero value is
// safe even for a stranger's configuration.
type Options struct {
	// Log gets what an operator should know; nil discards it. It gets no secret,
	// whatever its level. `verb` in the configuration has no effect.
	Log *slog.Logger
	// Ask asks the user for a password or a code, and shows what is typed if echo
	// is set; nil: nobody can be asked, and what is missing is an error that wraps
	// ErrNobody. It may take as long as the user does.
	Ask func(question string, echo bool) (string, error)
	// Events is called for each event of a Tunnel, and ServerEvents for each of a
	// Server, in order for each peer, on the goroutine where it happened. They must
	// not block, and may be nil.
	Events       func(event.Event)
	ServerEvents func(server.Event)
	// ReadFile reads the files that the configuration names, once, while it is
	// parsed; nil: a configuration must hold keys and all else in blocks, and one
	// that names a file is refused with ErrNotAllowed. What it lets the
	// configuration have, the other side may come to see.
	ReadFile func(name string) ([]byte, error)
	// Trusted allows the configuration all that the culvert command does for one
	// of this host's administrator: to name files by their paths, which are read
	// again when they change (without ReadFile, at the start too), to write files
	// (`status`, `ifconfig-pool-persist`), and to run programs, as far as its
	// `script-security` says.
	Trusted bool
	// Forward lets a server's clients on to other hosts, by ordinary sockets of
	// this process, as `culvert serve --userspace` does: to whatever this host
	// reaches, except cloud metadata and, without `allow-lan` or a pushed route,
	// the networks of its own interfaces. Without it, clients reach what Listen
	// serves on Server.Addresses, and nothing else. It has no effect on Dial.
	Forward bool
}

// complete returns o with defaults in place of what is missing.
func (o *Options) complete() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// parse reads a configuration, and refuses what it may not do. name is what
// messages call it.
func (o Options) parse(name string, text []byte) (*config.Config, error) {
	refused := false
	read := o.ReadFile
	switch {
	case read == nil && o.Trusted:
		read = process.ReadFile
	case read == nil:
		read = func(string) ([]byte, error) {
			refused = true
			return nil, errors.New("no file is read for this configuration; put what the file holds into it, as a block, or set Options.ReadFile")
		}
	}
	c, err := config.ParseFile(name, text, read)
	if refused {
		return nil, fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	if err != nil {
		return nil, err
	}
	if err := profile.CheckUserSpace(c); err != nil {
		return nil, err
	}
	if err := o.allow(c); err != nil {
		return nil, err
	}
	for _, note := range c.Notes {
		o.Log.Warn(note.Pos.String() + ": " + note.Text)
	}
	return c, nil
}

// inert are the directives of Touches that this package does not carry out: they
// concern a process or a device of the tunnel's own.
var inert = []string{"log", "log-append", "writepid", "dev-node"}

// looksInto are the directives that name a directory, to be read while the
// tunnel runs.
var looksInto = []string{"capath", "client-config-dir"}

// allow refuses a configuration that does more than it may. In one that is not
// trusted, it removes the names of files, so that none is read again.
func (o Options) allow(c *config.Config) error {
	if c.Process.Chroot != "" {
		return fmt.Errorf("%w: %v: chroot is for a process of its own; remove the line", ErrNotAllowed, c.At("chroot"))
	}
	if o.Trusted {
		return nil
	}
	var lines []string
	for _, t := range c.Touches() {
		directive, _, _ := strings.Cut(t.Line, " ")
		if t.Kind != config.TouchSends && !slices.Contains(inert, directive) {
			lines = append(lines, fmt.Sprintf("%v: %s: it %v", t.Pos, directive, t.Kind))
		}
	}
	for _, directive := range looksInto {
		if at := c.At(directive); at != (config.Pos{}) {
			lines = append(lines, fmt.Sprintf("%v: %s: it reads the files of a directory", at, directive))
		}
	}
	if c.Trust.CRLVerifyDir != "" {
		lines = append(lines, fmt.Sprintf("%v: crl-verify: it reads the files of a directory", c.At("crl-verify")))
	}
	if len(lines) > 0 {
		return fmt.Errorf("%w: %s; remove the lines, or set Options.Trusted if its author may do as much on this host as the program", ErrNotAllowed, strings.Join(lines, "; "))
	}
	for _, f := range []*config.File{c.Trust.CRLVerify, c.Login.UserPass} {
		if f != nil && f.Name != "" {
			f.Name, f.Inline = "", true
		}
	}
	return nil
}
