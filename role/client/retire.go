package client

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"culvert/role/profile"
	"culvert/session"
)

const (
	// lingering is how long packets are still taken from the connection that was left.
	lingering = 2 * time.Second
	// boundEvery is how often it is looked whether connections of programs need it longer.
	boundEvery = 5 * time.Second
	// goodbyeTime is the longest that its end may take after that.
	goodbyeTime = 10 * time.Second
)

// leave leaves a connection whose place another one has taken; dead: without waiting for
// anything from it.
func (m *mover) leave(ctx context.Context, a *attempt, f *former, dead bool) {
	hurry, hasten := context.WithCancelCause(ctx)
	f.hurry, f.over = hasten, make(chan struct{})
	ends := m.past.ends
	go func() {
		defer note(ends)
		defer close(f.over)
		defer hasten(nil)
		defer a.close()
		if !dead {
			f.err = retire(hurry, a, f)
		}
	}()
}

// retire lets a connection that was left go on until what was on its way has come, and
// nothing on this host needs it any more, and tells its server that it ends. The end of ctx
// ends that at once, and its cause is the error then. An error is why it ended before.
func retire(ctx context.Context, a *attempt, f *former) error {
	timer, ticks := time.NewTimer(lingering), time.NewTicker(knockEvery)
	defer timer.Stop()
	defer ticks.Stop()
	ticks.Stop() // nothing is asked
	var asked asking
	var leaving bool
	early := func(why error) error {
		if leaving {
			return nil
		}
		return why
	}
	for {
		select {
		case e := <-a.events:
			if err, over := retiring(a, f, e); over {
				return early(err)
			}
		case err := <-a.inbound:
			return early(err)
		case err := <-a.revoked:
			return early(err)
		case <-f.moves:
			asked = asking{since: time.Now()}
			ticks.Reset(knockEvery)
			knock(a.peer)
		case now := <-ticks.C:
			switch {
			case asked.heard(a.peer):
				ticks.Stop()
				a.peer.NewWay()
			case now.Sub(asked.since) > roamTime:
				ticks.Stop()
			default:
				asked.again(a.peer, now)
			}
		case <-timer.C:
			switch {
			case leaving:
				return nil
			case needed(a.opts.Network, f.from):
				timer.Reset(boundEvery)
			default:
				leaving = true
				a.exit()
				timer.Reset(goodbyeTime)
			}
		case <-ctx.Done():
			return early(context.Cause(ctx))
		}
	}
}

// retiring takes what the session of a connection reports that was left, and returns why it
// is over.
func retiring(a *attempt, f *former, e session.Event) (err error, over bool) {
	switch e := e.(type) {
	case session.Closed:
		return e.Err, true
	case session.PathMeasured:
		if text, _ := profile.FollowPath(cmp.Or(a.settled, a.base), a.peer, e); text != "" {
			a.log.Info("the path to the server that was left was measured", "server", f.server, "result", text)
		}
	}
	return endsBy(e), endsBy(e) != nil
}

// needed reports whether a connection is open from one of some addresses.
func needed(n Network, from []netip.Addr) bool {
	return slices.ContainsFunc(from, func(a netip.Addr) bool { return len(connections(n, a)) > 0 })
}
