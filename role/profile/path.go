package profile

import (
	"fmt"
	"slices"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/link"
	"culvert/nic"
	"culvert/session"
	"culvert/tunnel"
)

// headersTCP is the length of the headers of IPv4 and TCP, in bytes.
const headersTCP = 40

// leastPath is a path that nearly everything carries (RFC 8200 section 5), bytes.
const leastPath = 1280

// MeasurePath has TCP's segment size follow the configuration, and the path to a peer
// measured if its link can: over UDP on Linux, unless `mtu-disc no` leaves cutting to
// routers. Call it whenever the configuration has changed: what was measured before is judged
// by it anew. A peer that answers nothing else is asked by pings between the addresses of e.
// Until it is measured, TCP that begins has segments that a path of 1,280 bytes carries: it does not change
// them later, and where the path is narrow it might hang. MeasurePath returns how long packets inside may be, in bytes, 0 for any length; known is
// false if that is yet to be measured.
func MeasurePath(c *config.Config, p *tunnel.Peer, e session.Echo) (inner int, known bool) {
	most := MaxInner(c, outer6(p), p.Data)
	p.MaxInner.Store(int32(most))
	size := 0
	switch {
	case c.Link.MTUDiscovery == config.MTUDiscoveryNo:
	case most == 0:
		size = c.Adapter.MTU + headerLen(c.Adapter)
	default:
		size = most + headerLen(c.Adapter)
	}
	measures := p.Measure(size, e)
	p.Cautious.Store(0)
	if measures {
		p.Cautious.Store(int32(max(0, p.Data.Fit(leastPath-link.DatagramOverhead(true))-headerLen(c.Adapter))))
	}
	f, found := p.Found()
	if !measures || !found {
		return 0, !measures
	}
	over := link.DatagramOverhead(outer6(p))
	_, inner = FollowPath(c, p, session.PathMeasured{Size: max(0, f.Bytes-over), Tried: f.Tried - over})
	return inner, true
}

// FollowPath goes by what was measured, and returns what there is to say about it, "" for
// nothing, and how long packets inside may be, in bytes: 0 for any length. What the
// configuration says of sizes itself (`mssfix`, `fragment`) is the most; `mssfix 0` holds.
func FollowPath(c *config.Config, p *tunnel.Peer, m session.PathMeasured) (text string, inner int) {
	if !p.Measures() {
		return "", 0 // not any more
	}
	most := int(p.MaxInner.Load())
	before, measured := p.Found()
	found := tunnel.PathFound{Tried: m.Tried + link.DatagramOverhead(outer6(p)), MSSBefore: max(0, most-headersTCP), MSS: max(0, most-headersTCP)}
	if m.Size == 0 {
		p.Carries(0, found)
		return "", 0
	}
	found.Bytes = m.Size + link.DatagramOverhead(outer6(p))
	if m.Size < m.Tried && !c.Data.MSSFix.Off {
		inner = max(0, p.Data.Fit(m.Size)-headerLen(c.Adapter))
	}
	if inner > 0 && most > inner {
		found.MSS = inner - headersTCP
	}
	p.Carries(inner, found)
	switch narrow := m.Size < m.Tried; {
	case narrow && inner == 0:
		text = fmt.Sprintf("path %d, which is less than packets of the tunnel need; `mssfix 0` is given and holds: leave it out, and sizes follow the path", found.Bytes)
	case narrow:
		text = fmt.Sprintf("path %d, MSS from %d to %d", found.Bytes, found.MSSBefore, found.MSS)
	case measured && before.Bytes > 0 && before.Bytes < found.Bytes:
		text = fmt.Sprintf("path %d or more, MSS from %d to %d", found.Bytes, before.MSS, found.MSS)
	}
	return text, inner
}

// The least MTU of an adapter that follows the path: what every host takes (RFC 791), and
// what IPv6 needs (RFC 8200 section 5); with less, the system takes IPv6 off the adapter.
const leastMTU, leastMTU6 = 576, 1280

// AdapterMTU returns the MTU for an adapter in a state of this host, bytes, where the path
// carries packets of inner bytes inside, 0 for any. It is the state's or less. An adapter that
// carries Ethernet keeps its own, since others may be behind it.
func AdapterMTU(c *config.Config, s hostnet.State, inner int) int {
	if inner <= 0 || Kind(c.Adapter) == nic.Ethernet || c.Adapter.Look != config.AdapterIP {
		return s.MTU
	}
	least := leastMTU
	if hasIPv6(c, s) {
		least = leastMTU6
	}
	return min(s.MTU, max(inner, least))
}

// MTUFollows says that an adapter's MTU was changed, behind what was measured, for a path that
// carries packets of inner bytes inside, 0 for any.
func MTUFollows(before, now, inner int) string {
	text := fmt.Sprintf(", the adapter's MTU from %d to %d", before, now)
	if inner > 0 && now > inner {
		text += fmt.Sprintf(", which is the least for what it carries: packets of more than %d are cut, or their senders told", inner)
	}
	return text
}

// MTUStays says that an adapter's MTU could not be changed.
func MTUStays(mtu int) string {
	return fmt.Sprintf("the adapter's MTU stays %d: packets that the path does not carry are cut, or their senders told", mtu)
}

// hasIPv6 reports whether an adapter has anything to do with IPv6, be it that packets are led
// there to be refused, or by programs.
func hasIPv6(c *config.Config, s hostnet.State) bool {
	return c.Adapter.IfconfigIPv6 != nil || s.Chosen != nil ||
		slices.ContainsFunc(s.Addresses, func(a hostnet.Address) bool { return !a.Prefix.Addr().Is4() }) ||
		slices.ContainsFunc(s.Routes, func(r hostnet.Route) bool { return !r.Bypass && !r.Dst.Addr().Is4() }) ||
		slices.ContainsFunc(c.Routing.Routes, func(r config.Route) bool { return r.IPv6 })
}

func outer6(p *tunnel.Peer) bool { return !p.Path().Remote.Addr().Unmap().Is4() }
