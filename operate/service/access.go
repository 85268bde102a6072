package service

import (
	"net/netip"

	"culvert/config"
	"culvert/nic/userstack"
)

// forwardOptions says how clients of a server in user space go on from here.
func (l *life) forwardOptions(c *config.Config) *userstack.ForwardOptions {
	return &userstack.ForwardOptions{Logger: l.log.Logger, Access: access(c)}
}

// access is what clients may reach of this host's surroundings: what the server
// has them route through the tunnel is meant to be reached.
func access(c *config.Config) userstack.Access {
	a := userstack.Access{LAN: c.Server.AllowLAN}
	told, _, err := config.ParsePushed(new(config.Config), c.Server.Push)
	if err != nil {
		return a // the client that is told so says why
	}
	for _, r := range told.Routing.Routes {
		if r.Net.IsValid() && !wide(r.Net) {
			a.Networks = append(a.Networks, r.Net.Masked())
		}
	}
	a.DNS = append(a.DNS, told.Routing.DNS.Addrs...)
	for _, s := range told.Routing.DNS.Servers {
		for _, at := range s.Addrs {
			a.DNS = append(a.DNS, at.Addr())
		}
	}
	return a
}

// wide reports whether a network stands for the Internet, as the halves of a
// default route do, and names no LAN.
func wide(p netip.Prefix) bool { return p.Bits() < 8 }
