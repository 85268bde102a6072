package profile

import (
	"fmt"

	"culvert/config"
	"culvert/link"
	"culvert/session"
	"culvert/tunnel"
)

// MTUTested says what was measured of the path to a peer as `mtu-test` has it, in OpenVPN's
// words: in bytes of UDP, and both ways alike, since both are measured together. It is "" without
// `mtu-test`.
func MTUTested(c *config.Config, p *tunnel.Peer, m session.PathMeasured) string {
	switch {
	case !c.Data.MTUTest || !p.Measures():
		return ""
	case m.Size == 0:
		return "mtu-test: the other end answers neither OpenVPN's questions about sizes nor pings in the tunnel, so nothing is known of the path; let its host answer pings from the tunnel"
	}
	return fmt.Sprintf("NOTE: Empirical MTU test completed [Tried,Actual] local->remote=[%d,%d] remote->local=[%d,%d]", m.Tried, m.Size, m.Tried, m.Size)
}

// MTUUntested says why nothing is measured though there is `mtu-test`, "" if there is not, or
// the path is measured.
func MTUUntested(c *config.Config, p *tunnel.Peer) string {
	switch {
	case !c.Data.MTUTest || p.Measures() || link.IsStream(p.Link()):
		return ""
	case c.Link.MTUDiscovery == config.MTUDiscoveryNo:
		return "mtu-test: nothing is measured, since `mtu-disc no` has routers cut what is too long; leave that line out"
	}
	return "mtu-test: nothing is measured: that takes Linux, and a way without a SOCKS proxy, since elsewhere packets cannot be kept whole one by one"
}
