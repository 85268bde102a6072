package hostnet

import "net/netip"

// blockLocal leads the networks that this host's default routes leave by into the
// tunnel, by halves that take precedence over their own routes. Their gateways
// keep their way. Networks of a family without an address in the tunnel are left
// alone, and so are link-local ones, which IPv6 needs.
func (p *planner) blockLocal() (gateways, halves []way) {
	for _, out := range p.is.routes.all() {
		if out.Dst.Bits() != 0 || out.Device == "" || out.Device == p.want.Device || !p.carries(out.Dst.Addr()) {
			continue
		}
		if via := out.Via; via.IsValid() && !via.IsLinkLocalUnicast() {
			dst := netip.PrefixFrom(via, via.BitLen())
			gateways = append(gateways, way{Dst: dst, Device: out.Device, Index: out.Index, Metric: metricOf(dst, 0)})
		}
		for _, w := range p.is.routes.all() {
			if w.Device == out.Device && isLocal(w) && w.Dst.Addr().BitLen() == out.Dst.Addr().BitLen() {
				halves = append(halves, p.half(w.Dst, false), p.half(w.Dst, true))
			}
		}
	}
	return gateways, halves
}

// carries reports whether the tunnel has an address of a's family.
func (p *planner) carries(a netip.Addr) bool {
	for _, own := range p.want.Addresses {
		if own.Prefix.Addr().BitLen() == a.BitLen() {
			return true
		}
	}
	return false
}

// isLocal reports whether a route leads to a network that the host is on.
func isLocal(w way) bool {
	a := w.Dst.Addr()
	return !w.Via.IsValid() && !w.Dst.IsSingleIP() && w.Dst.Bits() > 0 && !a.IsLinkLocalUnicast() && !a.IsMulticast()
}

// half returns the way into the tunnel for the lower or upper half of a network.
func (p *planner) half(net netip.Prefix, upper bool) way {
	bytes, bits := net.Masked().Addr().AsSlice(), net.Bits()
	if upper {
		bytes[bits/8] |= 0x80 >> (bits % 8)
	}
	a, _ := netip.AddrFromSlice(bytes)
	dst := netip.PrefixFrom(a, bits+1)
	return way{Dst: dst, Device: p.want.Device, Metric: metricOf(dst, 0)}
}
