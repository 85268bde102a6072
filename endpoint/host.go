package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"culvert/config"
	"culvert/hostnet"
	"culvert/nic"
)

// The halves of each address space: routes to both take precedence over a
// default route without replacing it.
var (
	halves4 = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}
	halves6 = []netip.Prefix{netip.MustParsePrefix("::/1"), netip.MustParsePrefix("8000::/1")}
)

// HostState is what a configuration, with a server's push where there is one,
// wants of the host. peer is the outer address of the other end; it may be not
// valid while that is not known, and then nothing is redirected. An error names
// routes that are left out; the rest of the state stands.
func HostState(ctx context.Context, c *config.Config, peer netip.Addr, resolve Resolver) (hostnet.State, error) {
	s := hostnet.State{Device: c.Dev, MTU: c.MTU, TxQueueLen: c.TxQueueLen, LLAddr: LLAddr(c), Addresses: addresses(c)}
	if c.RouteNoexec {
		return s, nil
	}
	var left []error
	for _, r := range c.Routes {
		routes, err := HostRoutes(ctx, c, r, peer, resolve)
		if err != nil {
			left = append(left, err)
		}
		s.Routes = append(s.Routes, routes...)
	}
	s.Routes = append(s.Routes, redirect(c, peer)...)
	s.BlockLocal = c.RedirectGateway != nil && c.RedirectGateway.BlockLocal
	s.DNS = names(c)
	return s, errors.Join(left...)
}

// LLAddr is the MAC address that c wants its adapter to have, "" for any.
func LLAddr(c *config.Config) string {
	if Kind(c) != nic.Ethernet && c.Adapter == config.AdapterIP {
		return ""
	}
	return c.LLAddr
}

// Profile tells the tunnel of a configuration from others of this host: by
// whom it connects to, or where it serves, and as whom.
func Profile(c *config.Config) string {
	words := []string{c.Dev, strconv.Itoa(c.LocalPort)}
	for _, r := range c.Remotes {
		words = append(words, net.JoinHostPort(r.Host, r.Port))
	}
	for _, f := range []*config.File{c.CA, c.Cert, c.PKCS12} {
		if f != nil {
			words = append(words, string(f.Text))
		}
	}
	return strings.Join(words, "\x00")
}

func addresses(c *config.Config) (list []hostnet.Address) {
	if i := c.Ifconfig; i != nil && !c.IfconfigNoexec {
		a := hostnet.Address{Prefix: netip.PrefixFrom(i.Local, i.Bits)}
		if i.Remote.IsValid() {
			a = hostnet.Address{Prefix: netip.PrefixFrom(i.Local, 32), Peer: i.Remote}
		}
		list = append(list, a)
	}
	if i := c.IfconfigIPv6; i != nil && !c.IfconfigNoexec {
		list = append(list, hostnet.Address{Prefix: i.Local})
	}
	return list
}

// gateway is the next hop inside the tunnel for IPv4, not valid without one.
func gateway(c *config.Config) netip.Addr {
	if c.RouteGateway.IsValid() {
		return c.RouteGateway
	}
	if c.Ifconfig != nil {
		return c.Ifconfig.Remote
	}
	return netip.Addr{}
}

// nextHop is where routes through the tunnel lead: not valid for the adapter
// itself, which will do but for IPv4 through a gateway. An Ethernet adapter
// needs one; ok is false where it has none.
func nextHop(c *config.Config, ipv6 bool) (via netip.Addr, ok bool) {
	ethernet := Kind(c) == nic.Ethernet
	switch {
	case !ipv6:
		via = gateway(c)
	case ethernet && c.IfconfigIPv6 != nil:
		via = c.IfconfigIPv6.Remote
	}
	return via, via.IsValid() || !ethernet
}

// WithoutGateway tells whether c wants routes through an Ethernet adapter and
// names no gateway for them. HostState leaves those out.
func WithoutGateway(c *config.Config) bool {
	lacks := func(ipv6 bool) bool {
		_, ok := nextHop(c, ipv6)
		return !ok
	}
	if r := c.RedirectGateway; r != nil && !r.Private && (!r.NoIPv4 && lacks(false) || r.IPv6 && c.IfconfigIPv6 != nil && lacks(true)) {
		return true
	}
	return slices.ContainsFunc(c.Routes, func(r config.Route) bool {
		return r.Gateway.Kind == config.GatewayVPN && lacks(r.Net.Addr().Is6())
	})
}

// HostRoutes are the host's routes for one `route`: several where a name has
// several addresses.
func HostRoutes(ctx context.Context, c *config.Config, r config.Route, peer netip.Addr, resolve Resolver) ([]hostnet.Route, error) {
	dst, err := destinations(ctx, c, r, peer, resolve)
	if err != nil {
		return nil, err
	}
	var routes []hostnet.Route
	for _, p := range dst {
		route := hostnet.Route{Dst: p, Metric: max(r.Metric, 0)}
		if r.Metric < 0 {
			route.Metric = c.RouteMetric
		}
		switch {
		case r.Gateway.Kind == config.GatewayNet:
			route.Bypass = true
		case r.Gateway.Kind == config.GatewayAddr:
			route.Via = r.Gateway.Addr
		default:
			var ok bool
			if route.Via, ok = nextHop(c, p.Addr().Is6()); !ok {
				continue
			}
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// destinations are the networks that a route names: itself, or the addresses
// of a special or a real name.
func destinations(ctx context.Context, c *config.Config, r config.Route, peer netip.Addr, resolve Resolver) ([]netip.Prefix, error) {
	if r.Net.IsValid() {
		return []netip.Prefix{r.Net.Masked()}, nil
	}
	switch r.Host {
	case "remote_host":
		if !peer.IsValid() {
			return nil, nil
		}
		return []netip.Prefix{netip.PrefixFrom(peer, peer.BitLen())}, nil
	case "vpn_gateway":
		if g := gateway(c); g.IsValid() {
			return []netip.Prefix{netip.PrefixFrom(g, g.BitLen())}, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := resolve(ctx, "ip", r.Host)
	if err != nil {
		return nil, fmt.Errorf("%v: route %s: %w", r.Pos, r.Host, err)
	}
	var list []netip.Prefix
	for _, a := range addrs {
		list = append(list, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
	}
	return list, nil
}

// redirect is `redirect-gateway`: everything through the tunnel but the way to
// the server. The host's own default route is never replaced, with or without
// `def1`, so that nothing is lost when the tunnel goes.
func redirect(c *config.Config, peer netip.Addr) (routes []hostnet.Route) {
	r := c.RedirectGateway
	if r == nil || !peer.IsValid() {
		return nil
	}
	if !r.Local {
		routes = append(routes, hostnet.Route{Dst: netip.PrefixFrom(peer, peer.BitLen()), Bypass: true})
	}
	if r.Private {
		return routes
	}
	if via, ok := nextHop(c, false); ok && !r.NoIPv4 && c.Ifconfig != nil {
		for _, half := range halves4 {
			routes = append(routes, hostnet.Route{Dst: half, Via: via})
		}
	}
	if via, ok := nextHop(c, true); ok && r.IPv6 && c.IfconfigIPv6 != nil {
		for _, half := range halves6 {
			routes = append(routes, hostnet.Route{Dst: half, Via: via})
		}
	}
	return routes
}

// names is what `dns` says, or `dhcp-option` where it says nothing.
func names(c *config.Config) *hostnet.DNS {
	d := &hostnet.DNS{Search: slices.Clone(c.DNS.SearchDomains)}
	if len(c.DNS.Servers) > 0 {
		// Only one is used at a time; the list is in order of priority.
		d.Servers = c.DNS.Servers[0].Addrs
		d.Domains = c.DNS.Servers[0].ResolveDomains
	} else {
		for _, a := range c.DNS.Addrs {
			d.Servers = append(d.Servers, netip.AddrPortFrom(a, 0))
		}
	}
	if c.DNS.Domain != "" && !slices.Contains(d.Search, c.DNS.Domain) {
		d.Search = append([]string{c.DNS.Domain}, d.Search...)
	}
	if len(d.Servers) == 0 && len(d.Search) == 0 {
		return nil
	}
	return d
}
