package client

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"culvert/host/hostnet"
	"culvert/role/event"
	"culvert/tunnel"
)

// past are the connections that were left. At most one is kept, for connections of programs
// that are bound to an address that only its server gives. It belongs to Run.
type past struct {
	kept     *former       // nil: none
	leaving  *former       // the last one otherwise, until it is over; nil: none
	replaced []*former     // end once what takes their place is settled
	ends     chan struct{} // has a value when one is over; its capacity is 1
}

// former is a connection that was left, with the server that is still routed past the
// tunnel for it.
type former struct {
	server netip.Addr
	local  netip.Addr // this host's end, over TCP
	way    uplink     // to its server
	peer   *tunnel.Peer
	keep   bool          // for connections of programs, if there are any
	from   []netip.Addr  // the addresses of those
	moves  chan struct{} // has a value when its server is to hear of this host; its capacity is 1
	hurry  context.CancelCauseFunc
	over   chan struct{} // nil before leave
	err    error         // why it ended, if not because nothing needed it any more; before over is closed
}

// newFormer returns a connection that is about to be left; keep: it may be kept.
func newFormer(a *attempt, keep bool) *former {
	f := &former{server: a.target.Near().Addr(), peer: a.peer, keep: keep, moves: make(chan struct{}, 1)}
	f.way = uplink{network: a.uplink.network, own: a.uplink.own}
	f.way.to(f.server)
	if a.target.Remote.Proto.TCP {
		f.local = a.peer.Link().LocalAddr().Addr()
	}
	return f
}

// leave has another connection take the place of f; what that replaces ends with settled.
func (p *past) leave(f *former) {
	if p.leaving != nil {
		p.replaced = append(p.replaced, p.leaving)
	}
	p.leaving = f
}

// bind finds what of the adapter's addresses before is to be kept.
func (p *past) bind(n Network, before, given []hostnet.Address) {
	f := p.leaving
	if f == nil || !f.keep {
		return
	}
	f.keep = false // it is decided
	for _, a := range before {
		if from := a.Prefix.Addr(); !a.Former && !has(given, from) && len(connections(n, from)) > 0 {
			f.from = append(f.from, from)
		}
	}
	if len(f.from) == 0 {
		return
	}
	if p.kept != nil {
		p.replaced = append(p.replaced, p.kept)
	}
	p.kept, p.leaving = f, nil
}

// settled ends what has no place any more where a server gives some addresses.
func (p *past) settled(given []hostnet.Address) {
	for _, f := range p.replaced {
		f.hasten()
	}
	p.replaced = nil
	if p.kept != nil && len(p.kept.bound(given)) == 0 {
		p.kept.hasten()
		p.kept = nil
	}
}

// servers are those of all.
func (p *past) servers() (list []netip.Addr) {
	for _, f := range append([]*former{p.kept, p.leaving}, p.replaced...) {
		if f != nil {
			list = append(list, f.server)
		}
	}
	return list
}

// wayChanged has what is kept follow this host when its ways are others, and ends it if it is
// over TCP and this host has its end's address no more: nothing can come by it.
func (p *past) wayChanged(n Network) {
	f := p.kept
	if f == nil {
		return
	}
	if f.local.IsValid() && n != nil && !n.Has(f.local) {
		f.hurry(errMoved)
	}
	if moved, _ := f.way.moved(); moved {
		f.ask()
	}
}

// end ends all, and waits for that.
func (p *past) end() {
	p.kept.hasten()
	p.leaving.hasten()
	p.forget()
}

// forget forgets those that are over, and returns the one of them that was kept.
func (p *past) forget() (kept *former) {
	if p.leaving.isOver() {
		p.leaving = nil
	}
	if p.kept.isOver() {
		kept, p.kept = p.kept, nil
	}
	return kept
}

func (f *former) isOver() bool {
	if f == nil {
		return false
	}
	select {
	case <-f.over:
		return true
	default:
		return false
	}
}

// hasten ends it, if it was left, and waits for that.
func (f *former) hasten() {
	if f != nil && f.over != nil {
		f.hurry(nil)
		<-f.over
	}
}

// session is its peer.
func (f *former) session() *tunnel.Peer {
	if f == nil {
		return nil
	}
	return f.peer
}

// addresses are what the adapter has: those that the present server gave, and those that
// are kept.
func (f *former) addresses(given []hostnet.Address) []hostnet.Address {
	kept := f.bound(given)
	if len(kept) == 0 {
		return given
	}
	list := slices.Clone(given)
	for _, a := range kept {
		list = append(list, hostnet.Address{Prefix: netip.PrefixFrom(a, a.BitLen()), Former: true})
	}
	return list
}

// bound are the addresses that are kept: those that the present server does not give.
func (f *former) bound(given []hostnet.Address) (list []netip.Addr) {
	if f == nil {
		return nil
	}
	for _, a := range f.from {
		if !has(given, a) {
			list = append(list, a)
		}
	}
	return list
}

// ask has its server hear at once that this host reaches it by another way, or is awake.
func (f *former) ask() {
	if f != nil {
		note(f.moves)
	}
}

// note has a channel have a value.
func note(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// has reports whether an address is in a list, not as a former one.
func has(list []hostnet.Address, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(o hostnet.Address) bool { return o.Prefix.Addr() == a && !o.Former })
}

// carry has packets go out by a connection that is up, and by the one that is kept beside it.
func carry(a *attempt) {
	p := &a.mover.past
	p.settled(a.addresses)
	a.sessions.promote(a.peer, p.kept.session(), p.kept.bound(a.addresses))
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

// tidy drops the routes and addresses that only a connection needed that is over, or one
// that did not come up.
func (m *mover) tidy(ctx context.Context, a *attempt) {
	if f := m.past.forget(); f != nil {
		if text := ended(a.Client, f); f.err != nil {
			a.remark(text)
		} else {
			a.log.Info(text)
		}
	}
	servers := apart(a.Client)
	if !a.up {
		servers = append(servers, a.target.Near().Addr())
	}
	if err := a.keepReachable(ctx, servers...); err != nil {
		a.emit(event.Remark{Text: "the way to a server that was left is still kept", Err: err})
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
