package profile

import (
	"net/netip"
	"time"

	"culvert/config"
	"culvert/tunnel"
)

// noIPv6 is the source of the answers of `block-ipv6` where the other end has no IPv6
// address inside the tunnel (man page).
var noIPv6 = netip.MustParseAddr("fe80::7")

// Special returns what c has done to packets. before is the shaper in use, nil for
// none: it goes on where the rate stays, so that a new connection does not lift it.
func Special(c *config.Config, before *tunnel.Shaper) tunnel.Special {
	s := tunnel.Special{Class: c.Link.PassTOS, FromPeers: c.Mode == config.ModeServer}
	switch {
	case c.Link.Shaper == 0:
	case before != nil && before.Rate() == c.Link.Shaper:
		s.Shaper = before
	default:
		s.Shaper = tunnel.NewShaper(c.Link.Shaper, time.Now())
	}
	for _, rule := range c.Routing.ClientNAT {
		s.NAT.Add(rule.Source, rule.Local, rule.Alias)
	}
	if c.Routing.BlockIPv6 {
		s.NoIPv6 = noIPv6
		if i := c.Adapter.IfconfigIPv6; i != nil && i.Remote.IsValid() {
			s.NoIPv6 = i.Remote
		}
	}
	return s
}
