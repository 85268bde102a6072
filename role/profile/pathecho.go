package profile

import (
	"net/netip"

	"culvert/config"
	"culvert/nic"
	"culvert/session"
)

// EchoOf returns the addresses between which the other end of a tunnel can be asked by pings:
// this end's, and the other end's own, as far as the configuration with the server's push
// names it. Neither is valid if it does not, and on an Ethernet, where pings need more.
func EchoOf(c *config.Config) session.Echo {
	if Kind(c.Adapter) == nic.Ethernet {
		return session.Echo{}
	}
	own4, own6 := Inner(c.Adapter)
	if other := otherIPv4(c); own4.IsValid() && other.IsValid() {
		return session.Echo{From: own4, To: other}
	}
	return session.Echo{From: own6, To: inside(c, true)}
}

// otherIPv4 returns the other end's own address; not valid: it has none that is known. With
// net30 the gateway is nobody's, and the server pushes a route to its own.
func otherIPv4(c *config.Config) netip.Addr {
	if c.Adapter.Topology != config.TopologyNet30 || c.Routing.Gateway.IsValid() {
		return gateway(c)
	}
	for _, r := range c.Routing.Routes {
		if !r.IPv6 && r.Net.IsValid() && r.Net.IsSingleIP() && r.Gateway.Kind == config.GatewayVPN {
			return r.Net.Addr()
		}
	}
	return gateway(c)
}
