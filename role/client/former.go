package client

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"culvert/host/hostnet"
	"culvert/role/event"
	"culvert/session"
	"culvert/tunnel"
)

const (
	// lingering is how long packets are still taken from the connection that was left.
	lingering = 2 * time.Second
	// boundEvery is how often it is looked whether connections of programs need it longer.
	boundEvery = 5 * time.Second
	// goodbyeTime is the longest that its end may take after that.
	goodbyeTime = 10 * time.Second
)

// former is a connection that was left, with the server that is still routed past the
// tunnel for it. Programs' connections that are bound to an address that only its server
// gives go on by it, while it lives.
type former struct {
	server netip.Addr
	local  netip.Addr // this host's end, over TCP
	peer   *tunnel.Peer
	keep   bool         // for those, if there are any
	from   []netip.Addr // the addresses
	hurry  context.CancelCauseFunc
	over   chan struct{}
	err    error // why it ended, if not because nothing needed it any more; before over is closed
}

// addresses are what the adapter has: those that the present server gave, and those that
// are kept.
func (f *former) addresses(given []hostnet.Address) []hostnet.Address {
	if f == nil {
		return given
	}
	list := slices.Clone(given)
	for _, a := range f.from {
		if !has(given, a) {
			list = append(list, hostnet.Address{Prefix: netip.PrefixFrom(a, a.BitLen()), Former: true})
		}
	}
	return list
}

// bound are the addresses that are kept.
func (f *former) bound() []netip.Addr {
	if f == nil {
		return nil
	}
	return f.from
}

// follow has its server hear at once that this host reaches it by another way.
func (f *former) follow() {
	if f != nil && len(f.from) > 0 {
		knock(f.peer)
	}
}

// cut ends it if it is over TCP and this host has its end's address no more: nothing can
// come by it.
func (f *former) cut(n Network) {
	if f != nil && f.local.IsValid() && n != nil && !n.Has(f.local) {
		f.hurry(errMoved)
	}
}

// has reports whether an address is in a list, not as a former one.
func has(list []hostnet.Address, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(o hostnet.Address) bool { return o.Prefix.Addr() == a && !o.Former })
}

// bind finds what of the adapter's addresses before is to be kept.
func (f *former) bind(n Network, before, given []hostnet.Address) {
	if f == nil || !f.keep {
		return
	}
	f.keep = false // it is decided
	for _, a := range before {
		if from := a.Prefix.Addr(); !a.Former && !has(given, from) && len(connections(n, from)) > 0 {
			f.from = append(f.from, from)
		}
	}
}

// Former is the session with a server that was left, and the addresses from which programs'
// connections go on by it; nil if there is none.
func (x Controls) Former() (p *tunnel.Peer, from []netip.Addr) {
	those := x.c.sessions.load()
	if len(those.from) == 0 {
		return nil, nil
	}
	return those.former, those.from
}

// leave leaves a connection whose place another one has taken; dead: without waiting for
// anything from it.
func (m *mover) leave(ctx context.Context, a *attempt, dead bool) {
	hurry, hasten := context.WithCancelCause(ctx)
	f := m.former
	f.hurry, f.over = hasten, make(chan struct{})
	go func() {
		defer close(f.over)
		defer hasten(nil)
		defer a.close()
		if !dead {
			f.err = retire(hurry, a, f.from)
		}
	}()
}

// retire lets a connection that was left go on until what was on its way has come, and
// nothing on this host needs it any more, and tells its server that it ends. The end of ctx
// ends that at once, and its cause is the error then. An error is why it ended before.
func retire(ctx context.Context, a *attempt, from []netip.Addr) error {
	timer := time.NewTimer(lingering)
	defer timer.Stop()
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
			if closed, ok := e.(session.Closed); ok {
				return early(closed.Err)
			}
		case err := <-a.inbound:
			return early(err)
		case err := <-a.revoked:
			return early(err)
		case <-timer.C:
			switch {
			case leaving:
				return nil
			case needed(a.opts.Network, from):
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

// needed reports whether a connection is open from one of some addresses.
func needed(n Network, from []netip.Addr) bool {
	return slices.ContainsFunc(from, func(a netip.Addr) bool { return len(connections(n, a)) > 0 })
}

// tidy drops the routes and addresses that only a connection needed that is over, or one
// that did not come up.
func (m *mover) tidy(ctx context.Context, c *Client) {
	f := m.former
	if f != nil {
		select {
		case <-f.over:
			m.former = nil
		default:
			f = nil
		}
	}
	if f != nil && len(f.from) > 0 {
		if text := ended(c, f); f.err != nil {
			c.remark(text)
		} else {
			c.log.Info(text)
		}
	}
	if err := c.keepReachable(ctx, apart(c)...); err != nil {
		c.emit(event.Remark{Text: "the way to a server that was left is still kept", Err: err})
	}
}

// ended is what became of the connections that a former one was kept for.
func ended(c *Client, f *former) string {
	text := fmt.Sprintf("the connection to %v was kept for what was open from %s, and has ended", f.server, texts(f.from))
	if f.err == nil {
		return text + ": nothing is open from there any more"
	}
	text += ": " + f.err.Error()
	var left []hostnet.Connection
	for _, a := range f.from {
		left = append(left, connections(c.opts.Network, a)...)
	}
	if len(left) > 0 {
		text += fmt.Sprintf("; %d connections from there cannot go on: %s", len(left), listed(left))
	}
	return text
}

// hasten ends the connection that was left, and waits for that.
func (m *mover) hasten() {
	if m.former == nil {
		return
	}
	m.former.hurry(nil)
	<-m.former.over
	m.former = nil
}
