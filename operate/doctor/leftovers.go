package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"

	"culvert/config"
	"culvert/host/hostnet"
)

// remains is what processes of this host have changed and not taken back, for the profile
// or server that is examined.
type remains struct {
	dir  string // where they note it; "": the default
	self string // the command line that examines it again
	// fenced says that the one examined lets packets out through kill switches itself
	// (block-outside), so that those of living processes let it through.
	fenced bool
	server bool
	look   *shared[hostnet.Left]

	undone sync.Once
	did    string
	failed error
}

func newRemains(ctx context.Context, o Options, c *config.Config, server bool) *remains {
	r := &remains{dir: o.StateDir, server: server, fenced: c.Routing.BlockOutside != nil, self: "culvert doctor " + shell(o.File)}
	if o.Dir != "" {
		r.self = "culvert doctor --dir " + shell(o.Dir)
	}
	r.look = share(ctx, func(context.Context) (hostnet.Left, error) { return hostnet.LookAtLeft(r.options()) })
	return r
}

func (r *remains) options() hostnet.Options { return hostnet.Options{StateDir: r.dir} }

// shut reports whether a kill switch is known to keep in what is examined: a client with
// block-outside marks its packets so that they pass all of them.
func (r *remains) shut(ctx context.Context) bool {
	left, _ := r.look.get(ctx)
	return !r.fenced && len(left.Fences) > 0
}

func (r *remains) check() inspection {
	return inspection{name: "leftovers", about: "kill switches that stand, and what processes that were killed left changed on this host", look: func(ctx context.Context, n *notes) {
		left, err := hostnet.LookAtLeft(r.options()) // anew: --fix looks twice
		switch {
		case errors.Is(err, hostnet.ErrPermission):
			n.skip("only root can see whether a kill switch (block-outside) keeps packets in: sudo %s", r.self)
			return
		case errors.Is(err, hostnet.ErrUnsupported):
			n.skip("this system's network is not changed by Culvert")
			return
		case err != nil:
			n.unknown("%v", err) // and what could be read follows
		}
		for _, f := range left.Fences {
			r.judge(n, f)
		}
		if len(left.Changes) > 0 {
			n.found(Finding{Severity: Warning, Text: fmt.Sprintf("a process that was killed did not take back what it changed on this host: %d changes, some of which may be gone", len(left.Changes)),
				Evidence: few(left.Changes), Mend: r.options().Cleanup(), fix: r.undo})
		}
		if err == nil {
			n.well("nothing is left")
		}
	}}
}

// undo takes back what no process looks after and nobody asked to stand, once for all
// findings.
func (r *remains) undo() (did, undo string, err error) {
	r.undone.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), ordinary)
		defer cancel()
		lines, err := hostnet.UndoLeft(ctx, r.options())
		r.did, r.failed = "took it back: "+few(lines), err
		if len(lines) == 0 {
			r.did = "removed the notes; what they name was gone"
		}
	})
	return r.did, "not needed: the next start of a client or server would have done the same", r.failed
}

// judge says what a fence does to what is examined, and whose it is.
func (r *remains) judge(n *notes, f hostnet.Standing) {
	seen, whose := "nftables table inet "+f.Table(), "a client's kill switch"
	if f.Profile != "" {
		whose = "the kill switch of " + f.Profile
	}
	through := "nothing gets out of this host but clients with block-outside"
	if len(f.Open) > 0 {
		through += ", and what goes to " + prefixes(f.Open)
	}
	again := "connect again: culvert connect " + shell(f.Profile)
	if r.dir != hostnet.DefaultStateDir {
		again += " --state-dir " + shell(r.dir)
	}
	again += "; or open this host: " + r.options().Cleanup()
	switch {
	case !f.Noted:
		n.warning(fmt.Sprintf("a kill switch stands of which nothing is noted in %s: it is of a client with another --state-dir, or what was noted is lost", r.dir), seen,
			fmt.Sprintf("culvert cleanup --state-dir DIR, with that client's directory, if it has ended; or: nft delete table inet %s", f.Table()))
	case f.PID == 0 && f.Persist && f.Profile != "":
		n.problem(whose+" stands, and its client has ended: "+through, seen+", block-outside persist", again)
	case f.PID == 0 && f.Persist:
		n.problem(whose+" stands, and its client has ended: "+through, seen+", block-outside persist", r.options().Cleanup())
	case f.PID == 0:
		n.found(Finding{Severity: Problem, Text: whose + " stands, and its client was killed: " + through, Evidence: seen, Mend: r.options().Cleanup(), fix: r.undo})
	case r.server:
		n.warning(fmt.Sprintf("%s stands (process %d), and keeps in what this server sends: %s", whose, f.PID, through), seen, fmt.Sprintf("have the client leave the clients' networks open (block-outside NETWORK), or end it: kill %d", f.PID))
	case !r.fenced:
		n.warning(fmt.Sprintf("%s stands (process %d), and keeps in this profile's packets, too, which has no block-outside: %s", whose, f.PID, through), seen, fmt.Sprintf("write in the profile: block-outside; or end the other client: kill %d", f.PID))
	default:
		n.saw("%s stands, and process %d looks after it", whose, f.PID)
	}
}

// few joins some lines, and says how many more there are.
func few(lines []string) string {
	const most = 3
	if len(lines) <= most {
		return strings.Join(lines, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(lines[:most], "; "), len(lines)-most)
}

func prefixes(list []netip.Prefix) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}
