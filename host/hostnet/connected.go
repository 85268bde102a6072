package hostnet

import (
	"net"
	"net/netip"
	"slices"
)

// connected returns the route that goes with an address of a device: to its network,
// or to the other end.
func connected(device string, a Address) way {
	dst := a.Prefix.Masked()
	if a.Peer.IsValid() {
		dst = single(a.Peer)
	}
	return way{Dst: dst, Device: device, Metric: metricOf(dst, 0)}
}

// stated returns an address as systems without peers keep it: one with a peer becomes
// that of a single host, and the way to the peer a route.
func (a Address) stated() netip.Prefix {
	if a.Peer.IsValid() {
		return single(a.Prefix.Addr())
	}
	return a.Prefix
}

// addressesOf returns the addresses of an adapter, as package net reports them, without
// the link-local ones of IPv6, which are the system's own business.
func addressesOf(addrs []net.Addr) (as []Address) {
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		bits, _ := n.Mask.Size()
		if addr, ok := netip.AddrFromSlice(n.IP); ok && !addr.Unmap().IsLinkLocalUnicast() {
			as = append(as, Address{Prefix: netip.PrefixFrom(addr.Unmap(), bits)})
		}
	}
	return as
}

// wayIn finds the way to dst among the routes of a system that has no more
// than these, without those that but picks.
func wayIn(k routeKernel, dst netip.Addr, but func(way) bool) (way, error) {
	if own, err := isOwn(dst); own || err != nil {
		return way{Local: true}, err
	}
	routes, err := k.routes()
	if err != nil {
		return way{}, err
	}
	w, ok := longestMatch(routes, dst, but)
	if !ok {
		return way{}, errNoRoute
	}
	return w, nil
}

// isOwn reports whether an address is this host's.
func isOwn(dst netip.Addr) (bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil || dst.IsLoopback() {
		return dst.IsLoopback(), err
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr() == dst
	}), nil
}

// there returns nil if exactly this route exists, else errGone.
func there(k routeKernel, w way) error {
	routes, err := k.routes()
	if err == nil && !slices.ContainsFunc(routes, w.same) {
		err = errGone
	}
	return err
}

// lostRoutes returns the connected routes that are gone although their addresses, those
// of want, are on the device. Systems add such a route once, with the address.
func lostRoutes(want State, addresses []Address, routes *table) (lost []way) {
	for _, a := range addresses {
		w := connected(want.Device, a)
		if w.Dst != single(a.Prefix.Addr()) && slices.Contains(want.Addresses, a) && !slices.ContainsFunc(routes.only(w.Dst, 0), w.sameDevice) {
			lost = append(lost, w)
		}
	}
	return lost
}
