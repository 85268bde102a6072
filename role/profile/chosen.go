package profile

import (
	"net/netip"
	"slices"

	"culvert/config"
	"culvert/host/hostnet"
)

// choose has a host's state say what uses the tunnel (`route-only`, `route-except`). With
// `route-only`, nothing else does: what leads there is what it names, and the way to the
// tunnel's name servers. Routes that lead elsewhere, and the tunnel's own network, stay.
// Other names are asked outside, so block-outside-dns does not go with it.
func choose(c *config.Config, peer netip.Addr, s *hostnet.State) {
	only, except := c.Routing.Only, c.Routing.Except
	if only.Empty() && except.Empty() {
		return
	}
	if !only.Empty() {
		s.BlockLocal, s.BlockOutsideDNS = false, false
		s.DNS = onlyNames(only, s.DNS)
		s.Routes = onlyRoutes(c, peer, s)
	} else {
		s.DNS = excepted(except, s.DNS)
	}
	for _, p := range except.Networks {
		s.Routes = append(s.Routes, hostnet.Route{Dst: p, Bypass: true, OrRefuse: true})
	}
	s.Chosen = &hostnet.Chosen{
		Inside: programs(only), Outside: programs(except),
		Learn: len(only.Domains) > 0, LearnOutside: only.Empty() && len(except.Domains) > 0,
	}
	s.Chosen.Via4, s.Chosen.IPv4 = chosenHop(c, false)
	s.Chosen.Via6, s.Chosen.IPv6 = chosenHop(c, true)
}

func programs(c config.Choice) hostnet.Programs {
	return hostnet.Programs{Users: c.Users, Groups: c.Groups, Started: c.Started}
}

// chosenHop returns the next hop of what is chosen. ok: the tunnel carries that family.
func chosenHop(c *config.Config, ipv6 bool) (via netip.Addr, ok bool) {
	if via, ok = nextHop(c, ipv6); !ok {
		return via, false
	}
	if ipv6 {
		return via, c.Adapter.IfconfigIPv6 != nil && !c.Routing.BlockIPv6
	}
	return via, c.Adapter.Ifconfig != nil || via.IsValid()
}

// onlyRoutes are the routes with `route-only`.
func onlyRoutes(c *config.Config, peer netip.Addr, s *hostnet.State) []hostnet.Route {
	led := slices.Clone(c.Routing.Only.Networks)
	if s.DNS != nil {
		for _, a := range s.DNS.Servers {
			if p := netip.PrefixFrom(a.Addr(), a.Addr().BitLen()); !a.Addr().IsLoopback() && !slices.Contains(led, p) {
				led = append(led, p)
			}
		}
	}
	routes := slices.DeleteFunc(slices.Clone(s.Routes), func(r hostnet.Route) bool { return !r.NetGateway })
	if local := c.Routing.RedirectGateway != nil && c.Routing.RedirectGateway.Local; peer.IsValid() && !local {
		routes = append(routes, hostnet.Route{Dst: netip.PrefixFrom(peer, peer.BitLen()), Bypass: true})
	}
	for _, p := range led {
		via, ok := chosenHop(c, p.Addr().Is6())
		routes = append(routes, hostnet.Route{Dst: p, Via: via, Refuse: !ok})
	}
	return routes
}

// onlyNames are the name servers with `route-only`: those of the tunnel are asked for the
// domains that it names, and for those that the server says are theirs; without either, this
// host's names stay as they are.
func onlyNames(only config.Choice, d *hostnet.DNS) *hostnet.DNS {
	if d == nil || len(d.Servers) == 0 {
		return excepted(only, nil)
	}
	if len(only.Domains)+len(d.Domains) == 0 {
		return nil
	}
	names := *d
	names.Learned = only.Domains
	names.Domains = slices.Clone(d.Domains)
	for _, domain := range only.Domains {
		if !slices.Contains(names.Domains, domain) {
			names.Domains = append(names.Domains, domain)
		}
	}
	return &names
}

// excepted are the name servers where the names of a choice are asked as this host did
// before, and learned.
func excepted(c config.Choice, d *hostnet.DNS) *hostnet.DNS {
	if len(c.Domains) == 0 {
		return d
	}
	names := hostnet.DNS{Outside: []string{"."}}
	if d != nil {
		names = *d
		names.Outside = slices.Concat(d.Outside, c.Domains)
	}
	names.Learned = c.Domains
	return &names
}
