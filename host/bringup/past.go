package bringup

import (
	"context"
	"errors"
	"net/netip"
	"slices"

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
	ours := func(o netip.AddrPort) bool { return o.Addr() == s.Addr.Addr() }
	return a.want.DNS != nil && slices.ContainsFunc(a.want.DNS.Servers, ours) ||
		a.want.Ethernet != nil && slices.Contains(a.want.Ethernet.DNS, s.Addr.Addr())
}

// Carries reports whether packets of this host to an address would, or could,
// go into the tunnel.
func (a *Adapter) Carries(to netip.Addr) bool {
	if to.IsLoopback() || to.Is6() && to.IsLinkLocalUnicast() {
		return false
	}
	if a.want.Ethernet != nil || a.want.BlockLocal {
		return true // by the host's DHCP client, or by networks known to hostnet
	}
	for _, own := range a.want.Addresses {
		if own.Prefix.Masked().Contains(to) {
			return true
		}
	}
	carries, longest := false, -1
	for _, r := range a.want.Routes {
		if r.Dst.Contains(to) && r.Dst.Bits() > longest {
			carries, longest = !r.Bypass, r.Dst.Bits()
		}
	}
	return carries
}

// Past calls do while packets to some addresses go past the tunnel. past are those
// of the addresses that have a way there now.
func (a *Adapter) Past(ctx context.Context, to []netip.Addr, do func(past []netip.Addr) error) (err error) {
	with := a.want.State
	with.Routes = slices.Clone(with.Routes)
	for _, addr := range to {
		with.Routes = append(with.Routes, hostnet.Route{Dst: netip.PrefixFrom(addr, addr.BitLen()), Bypass: true})
	}
	defer func() {
		back := a.applied.Update(context.WithoutCancel(ctx), a.want.State)
		if !errors.As(back, new(*hostnet.PartialError)) {
			err = errors.Join(err, back)
		}
	}()
	err = a.applied.Update(ctx, with)
	var partial *hostnet.PartialError
	if err != nil && !errors.As(err, &partial) {
		return err
	}
	return do(slices.DeleteFunc(slices.Clone(to), func(addr netip.Addr) bool { return fails(partial, addr) }))
}

// fails reports whether the route to an address is among what could not be had.
func fails(p *hostnet.PartialError, to netip.Addr) bool {
	return p != nil && slices.ContainsFunc(p.Failures, func(f hostnet.Failure) bool {
		return f.Route.IsValid() && f.Route.IsSingleIP() && f.Route.Addr() == to
	})
}
