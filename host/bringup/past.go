package bringup

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"culvert/host/hostnet"
)

// ChangesHost reports whether the host's packets can be routed to the adapter, so
// that it is not in this process alone.
func (a *Adapter) ChangesHost() bool { return a.applied != nil }

// Resolvers returns the servers to ask for a name past the tunnel, for an adapter
// that changes the host. The tunnel's own servers, which another program may have
// set, are among them only if there are no others.
func (a *Adapter) Resolvers(ctx context.Context, name string) (hostnet.Resolvers, error) {
	r, err := a.applied.Resolvers(ctx, name)
	if others := slices.DeleteFunc(slices.Clone(r.Servers), a.inTunnel); len(others) > 0 {
		r.Servers = others
	}
	return r, err
}

// inTunnel reports whether a name server is the tunnel's.
func (a *Adapter) inTunnel(s hostnet.NameServer) bool {
	now := a.present.now()
	ours := func(o netip.AddrPort) bool { return o.Addr() == s.Addr.Addr() }
	return now.DNS != nil && slices.ContainsFunc(now.DNS.Servers, ours) ||
		now.Ethernet != nil && slices.Contains(now.Ethernet.DNS, s.Addr.Addr())
}

// Carries reports whether packets of this host to an address would, or could,
// go into the tunnel.
func (a *Adapter) Carries(to netip.Addr) bool {
	if to.IsLoopback() || to.Is6() && to.IsLinkLocalUnicast() {
		return false
	}
	now := a.present.now()
	if now.Ethernet != nil || now.BlockLocal {
		return true // by the host's DHCP client, or by networks known to hostnet
	}
	for _, own := range now.Addresses {
		if own.Prefix.Masked().Contains(to) {
			return true
		}
	}
	carries, longest := false, -1
	for _, r := range now.Routes {
		if r.Dst.Contains(to) && r.Dst.Bits() > longest {
			carries, longest = !r.Bypass, r.Dst.Bits()
		}
	}
	return carries
}

// Past calls do while packets to some addresses go past the tunnel. past are those
// of the addresses that have a way there now. Any number of calls may run at once, also
// for the same address, and beside Update and Close.
func (a *Adapter) Past(ctx context.Context, to []netip.Addr, do func(past []netip.Addr) error) (err error) {
	past, err := a.present.pass(ctx, a.applied, to)
	defer func() { err = errors.Join(err, a.present.release(context.WithoutCancel(ctx), a.applied, to)) }()
	if err != nil {
		return err
	}
	return do(past)
}

// present is the state that this host was brought to last, with what goes past the tunnel
// for a while. It has one State of hostnet's made at a time, so that none replaces another
// that it does not know. Any goroutine may call it.
type present struct {
	mu      sync.Mutex
	state   State
	past    map[netip.Addr]int    // how many calls of Past have an address go past the tunnel
	partial *hostnet.PartialError // what could not be had last; nil: all could
	over    bool                  // undone: nothing is brought back
}

func (p *present) now() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// note is bring where there is no host to change.
func (p *present) note(want State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = want
}

// Wanted returns the state that the adapter was brought to last, and what of it could not be
// had; nil: all could. It is that of this process alone, unless ChangesHost. Any goroutine may
// call it; a nil adapter wants nothing.
func (a *Adapter) Wanted() (State, *hostnet.PartialError) {
	if a == nil {
		return State{}, nil
	}
	a.present.mu.Lock()
	defer a.present.mu.Unlock()
	return a.present.state, a.present.partial
}

// bring brings the host to a state.
func (p *present) bring(ctx context.Context, host Applied, want State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = want
	return p.update(ctx, host)
}

// update brings the host to the state, for who holds the lock.
func (p *present) update(ctx context.Context, host Applied) error {
	want := p.state.State
	want.Routes = slices.Clone(want.Routes)
	for _, addr := range slices.SortedFunc(maps.Keys(p.past), netip.Addr.Compare) {
		if !slices.Contains(want.Routes, bypass(addr)) {
			want.Routes = append(want.Routes, bypass(addr))
		}
	}
	err := host.Update(ctx, want)
	p.partial = nil
	errors.As(err, &p.partial)
	return err
}

func bypass(addr netip.Addr) hostnet.Route {
	return hostnet.Route{Dst: netip.PrefixFrom(addr, addr.BitLen()), Bypass: true}
}

// pass has some addresses go past the tunnel, until each was released as often. It returns
// those that have a way there.
func (p *present) pass(ctx context.Context, host Applied, to []netip.Addr) (past []netip.Addr, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := false
	for _, addr := range to {
		if p.past == nil {
			p.past = make(map[netip.Addr]int)
		}
		p.past[addr]++
		changed = changed || p.past[addr] == 1
	}
	if p.over {
		return nil, errClosed
	}
	if changed {
		err = p.update(ctx, host)
	}
	if err != nil && p.partial == nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(to), func(addr netip.Addr) bool { return fails(p.partial, addr) }), nil
}

// release is described at pass.
func (p *present) release(ctx context.Context, host Applied, to []netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	changed := false
	for _, addr := range to {
		if p.past[addr]--; p.past[addr] == 0 {
			delete(p.past, addr)
			changed = true
		}
	}
	if p.over || !changed {
		return nil
	}
	if err := p.update(ctx, host); p.partial == nil {
		return err
	}
	return nil
}

// own returns what could not be had of the state alone.
func (p *present) own(partial *hostnet.PartialError) *hostnet.PartialError {
	p.mu.Lock()
	defer p.mu.Unlock()
	if partial == nil || len(p.past) == 0 {
		return partial
	}
	others := func(f hostnet.Failure) bool {
		return f.Route.IsValid() && f.Route.IsSingleIP() && p.past[f.Route.Addr()] > 0 && !slices.Contains(p.state.Routes, bypass(f.Route.Addr()))
	}
	failures := slices.DeleteFunc(slices.Clone(partial.Failures), others)
	if len(failures) == 0 {
		return nil
	}
	return &hostnet.PartialError{Routes: len(p.state.Routes), Failures: failures}
}

// errClosed says that an adapter is closed.
var errClosed = errors.New("the tunnel's adapter is closed")

// leave undoes all changes to the host, for good.
func (p *present) leave(host Applied) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	return host.Undo(context.Background())
}

// fails reports whether the route to an address is among what could not be had.
func fails(p *hostnet.PartialError, to netip.Addr) bool {
	return p != nil && slices.ContainsFunc(p.Failures, func(f hostnet.Failure) bool {
		return f.Route.IsValid() && f.Route.IsSingleIP() && f.Route.Addr() == to
	})
}
