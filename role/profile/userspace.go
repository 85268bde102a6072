package profile

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"

	"culvert/config"
	"culvert/nic/userstack"
)

// CheckUserSpace refuses a configuration that a tunnel in user space
// (bringup.UserSpace) cannot carry out: one that needs Ethernet, one that carries
// nothing, or a server's with `proxy-lan`.
func CheckUserSpace(c *config.Config) error {
	switch {
	case programsChosen(c.Routing):
		return errors.New("route-only and route-except for programs, users and control groups need a device: in user space only what uses the proxies is in the tunnel; choose networks and domains, or run without --userspace")
	case c.Adapter.DevType == config.DevTun && c.Server.ProxyLAN != nil:
		return errors.New("proxy-lan needs a TUN device and the routes of this host: run it as root, without --userspace")
	case c.Adapter.DevType == config.DevTun:
		return nil
	case c.Adapter.DevType == config.DevNull:
		return errors.New("dev null carries nothing, so there is nothing for user space to do: write dev tun, or run without --userspace")
	}
	return errors.New("dev tap: in user space there are only IP packets, and no Ethernet: write dev tun on both sides, or run as root with a device")
}

// programsChosen reports whether a configuration chooses by who sends.
func programsChosen(r config.Routing) bool {
	return slices.ContainsFunc([]config.Choice{r.Only, r.Except}, func(c config.Choice) bool {
		return len(c.Users)+len(c.Groups) > 0 || c.Started
	})
}

// UserSpaceForward says what the clients of a server in user space reach through this
// process. Of the networks around this host they reach what `allow-lan` opens, and
// what the server makes them route through the tunnel.
func UserSpaceForward(c config.Server, log *slog.Logger) *userstack.ForwardOptions {
	return &userstack.ForwardOptions{Logger: log, Access: access(c)}
}

// HostForward says what a paired host in user space lets the other one reach:
// whatever listens at its own addresses, as if it had a device.
func HostForward(log *slog.Logger) *userstack.ForwardOptions {
	return &userstack.ForwardOptions{Logger: log, Access: userstack.Access{Own: true}}
}

func access(c config.Server) userstack.Access {
	a := userstack.Access{LAN: c.AllowLAN}
	told, _, err := config.ParsePushed(new(config.Config), c.Push)
	if err != nil {
		return a // the client that gets this push says why
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
// default route do, and not for a LAN.
func wide(p netip.Prefix) bool { return p.Bits() < 8 }
