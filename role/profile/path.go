package profile

import (
	"fmt"

	"culvert/config"
	"culvert/link"
	"culvert/session"
	"culvert/tunnel"
)

// headersTCP is the length of the headers of IPv4 and TCP, in bytes.
const headersTCP = 40

// MeasurePath has TCP's segment size follow the configuration, and the path to a peer
// measured if its link can: over UDP on Linux, unless `mtu-disc no` leaves cutting to
// routers. Call it whenever the configuration has changed.
func MeasurePath(c *config.Config, p *tunnel.Peer) {
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
	p.Measure(size)
}

// FollowPath goes by what was measured, and returns what there is to say about it, "" for
// nothing. What the configuration says of sizes itself (`mssfix`, `fragment`) holds.
func FollowPath(c *config.Config, p *tunnel.Peer, m session.PathMeasured) (text string) {
	most := int(p.MaxInner.Load())
	before, measured := p.Found()
	found := tunnel.PathFound{Tried: m.Tried + link.DatagramOverhead(outer6(p)), MSSBefore: max(0, most-headersTCP), MSS: max(0, most-headersTCP)}
	if m.Size == 0 {
		p.Carries(0, found)
		return ""
	}
	found.Bytes = m.Size + link.DatagramOverhead(outer6(p))
	inner := 0
	if m.Size < m.Tried && !sizesGiven(c) {
		inner = max(0, p.Data.Fit(m.Size)-headerLen(c.Adapter))
	}
	if inner > 0 && most > inner {
		found.MSS = inner - headersTCP
	}
	p.Carries(inner, found)
	switch narrow := m.Size < m.Tried; {
	case narrow && inner == 0:
		return fmt.Sprintf("path %d, which is less than packets of the tunnel need; `mssfix` or `fragment` is given and holds: leave it out, and sizes follow the path", found.Bytes)
	case narrow:
		return fmt.Sprintf("path %d, MSS from %d to %d", found.Bytes, found.MSSBefore, found.MSS)
	case measured && before.Bytes > 0 && before.Bytes < found.Bytes:
		return fmt.Sprintf("path %d or more, MSS from %d to %d", found.Bytes, before.MSS, found.MSS)
	}
	return ""
}

// sizesGiven reports whether the configuration says itself how large packets may be.
func sizesGiven(c *config.Config) bool {
	return c.Data.MSSFix != config.MSSFix{} || c.Data.Fragment.Bytes > 0
}

func outer6(p *tunnel.Peer) bool { return !p.Path().Remote.Addr().Unmap().Is4() }
