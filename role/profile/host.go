package profile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/nic"
)

// The halves of each address space. Routes to both take precedence over a default
// route without replacing it.
var (
	halves4 = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}
	halves6 = []netip.Prefix{netip.MustParsePrefix("::/1"), netip.MustParsePrefix("8000::/1")}
)

// HostState returns what a configuration, with a server's push if there is one, wants
// of the host. peer is the outer address of the other end; while that is not known it
// is not valid, and nothing is redirected. An error names routes that are left out;
// the rest of the state is valid.
func HostState(ctx context.Context, c *config.Config, peer netip.Addr, resolve Resolver) (hostnet.State, error) {
	s := hostnet.State{Device: c.Adapter.Dev, MTU: c.Adapter.MTU, TxQueueLen: c.Adapter.TxQueueLen, LLAddr: LLAddr(c.Adapter), Addresses: addresses(c.Adapter)}
	s.Fenced = c.Routing.BlockOutside != nil
	if c.Routing.NoExec {
		return s, nil
	}
	var left []error
	for _, r := range c.Routing.Routes {
		routes, err := HostRoutes(ctx, c, r, peer, resolve)
		if err != nil {
			left = append(left, err)
		}
		s.Routes = append(s.Routes, routes...)
	}
	led, err := redirect(c, peer)
	if err != nil {
		left = append(left, err)
	}
	s.Routes = append(s.Routes, led...)
	s.BlockLocal = c.Routing.RedirectGateway != nil && c.Routing.RedirectGateway.BlockLocal
	s.BlockOutsideDNS, s.Mark = c.Routing.BlockOutsideDNS, Mark(c)
	if s.DNS = names(c.Routing); c.Hooks.NoDNS || c.Hooks.DNSUpdown != nil {
		s.DNS = nil // left alone, or to a program
	}
	choose(c, peer, &s)
	return s, errors.Join(left...)
}

// LLAddr returns the MAC address that c wants its adapter to have, "" for any.
func LLAddr(c config.Adapter) string {
	if Kind(c) != nic.Ethernet && c.Look == config.AdapterIP {
		return ""
	}
	return c.LLAddr
}

// Profile returns a text that distinguishes the tunnel of a configuration from others
// of this host: by whom it connects to, or where it serves, and as whom.
func Profile(c *config.Config) string {
	words := []string{c.Adapter.Dev, strconv.Itoa(c.Link.LocalPort)}
	for _, r := range c.Link.Remotes {
		words = append(words, net.JoinHostPort(r.Host, r.Port))
	}
	for _, f := range []*config.File{c.Trust.CA, c.Trust.Cert, c.Trust.PKCS12} {
		if f != nil {
			words = append(words, string(f.Text))
		}
	}
	return strings.Join(words, "\x00")
}

func addresses(c config.Adapter) (list []hostnet.Address) {
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

// WithoutAddress reports whether an adapter that carries IP gets no address,
// though ifconfig-noexec does not say so.
func WithoutAddress(c config.Adapter) bool {
	return c.DevType == config.DevTun && !c.IfconfigNoexec && len(addresses(c)) == 0
}

// gateway returns the next hop inside the tunnel for IPv4; not valid: there is none.
func gateway(c *config.Config) netip.Addr {
	if c.Routing.Gateway.IsValid() {
		return c.Routing.Gateway
	}
	if c.Adapter.Ifconfig != nil {
		return c.Adapter.Ifconfig.Remote
	}
	return netip.Addr{}
}

// inside returns the gateway inside the tunnel; not valid: there is none.
func inside(c *config.Config, ipv6 bool) netip.Addr {
	if !ipv6 {
		return gateway(c)
	}
	if c.Routing.GatewayIPv6.IsValid() {
		return c.Routing.GatewayIPv6
	}
	if c.Adapter.IfconfigIPv6 != nil {
		return c.Adapter.IfconfigIPv6.Remote
	}
	return netip.Addr{}
}

// nextHop returns the next hop of routes through the tunnel. Not valid means the
// adapter itself, which will do except for IPv4 through a gateway. A gateway cannot be
// reached while the adapter has no address, which another program may set later. An
// Ethernet adapter needs a gateway; ok is false if it has none.
func nextHop(c *config.Config, ipv6 bool) (via netip.Addr, ok bool) {
	ethernet := Kind(c.Adapter) == nic.Ethernet
	bare := c.Adapter.Look == config.AdapterIP && len(addresses(c.Adapter)) == 0
	if ethernet || !ipv6 && !bare {
		via = inside(c, ipv6)
	}
	return via, via.IsValid() || !ethernet
}

// WithoutGateway reports whether c wants routes through an Ethernet adapter and
// names no gateway for them. HostState leaves those out.
func WithoutGateway(c *config.Config) bool {
	lacks := func(ipv6 bool) bool {
		_, ok := nextHop(c, ipv6)
		return !ok
	}
	if r := c.Routing.RedirectGateway; r != nil && !r.Private && (!r.NoIPv4 && lacks(false) || r.IPv6 && c.Adapter.IfconfigIPv6 != nil && lacks(true)) {
		return true
	}
	return slices.ContainsFunc(c.Routing.Routes, func(r config.Route) bool {
		return r.Gateway.Kind == config.GatewayVPN && lacks(r.IPv6)
	})
}

// HostRoutes returns the host's routes for one `route`: several if a name has several
// addresses.
func HostRoutes(ctx context.Context, c *config.Config, r config.Route, peer netip.Addr, resolve Resolver) ([]hostnet.Route, error) {
	w := routeNames{ctx: ctx, route: r, resolve: resolve}
	dst, err := w.destinations(c, peer)
	if err != nil {
		return nil, err
	}
	route := hostnet.Route{Metric: max(r.Metric, 0), Table: Table(c.Routing)}
	if r.Metric < 0 {
		route.Metric = c.Routing.Metric
	}
	ok := true
	switch r.Gateway.Kind {
	case config.GatewayNet:
		route.Bypass, route.NetGateway = true, true
	case config.GatewayAddr:
		route.Via = r.Gateway.Addr
	case config.GatewayRemoteHost:
		if peer.IsValid() && peer.Is6() != r.IPv6 {
			return nil, w.fault("remote_host", errors.New("as the gateway it has to be of the same address family, and the server is "+peer.String()))
		}
		route.Via, ok = peer, peer.IsValid()
	case config.GatewayHost:
		if route.Via, err = w.gateway(); err != nil {
			return nil, err
		}
	default:
		route.Via, ok = nextHop(c, r.IPv6)
	}
	var routes []hostnet.Route
	for _, route.Dst = range dst {
		if ok {
			routes = append(routes, route)
		}
	}
	return routes, nil
}

// routeNames looks up the names of one `route`.
type routeNames struct {
	ctx     context.Context
	route   config.Route
	resolve Resolver
}

// destinations returns the networks that the route names: the one written, or those
// of the addresses that a special or a real name has.
func (n routeNames) destinations(c *config.Config, peer netip.Addr) (list []netip.Prefix, err error) {
	r := n.route
	if r.Net.IsValid() {
		return []netip.Prefix{r.Net.Masked()}, nil
	}
	var addrs []netip.Addr
	switch r.Special() {
	case config.RemoteHost:
		addrs = []netip.Addr{peer}
	case config.VPNGateway:
		if addrs = []netip.Addr{inside(c, r.IPv6)}; !addrs[0].IsValid() {
			return nil, n.fault(r.Host, errors.New("the tunnel has no gateway of that kind"))
		}
	case config.NetGateway:
		return nil, n.fault(r.Host, errors.New("as a destination it is not supported yet; write the address of this host's gateway"))
	default:
		if addrs, err = n.lookup(r.Host); err != nil {
			return nil, err
		}
	}
	for _, a := range addrs {
		if a.IsValid() && a.Is6() == r.IPv6 {
			list = append(list, netip.PrefixFrom(a, r.Bits).Masked())
		}
	}
	return list, nil
}

// gateway returns the first address of the gateway's name.
func (n routeNames) gateway() (netip.Addr, error) {
	addrs, err := n.lookup(n.route.Gateway.Host)
	if err != nil {
		return netip.Addr{}, err
	}
	return addrs[0], nil
}

// lookup finds the addresses of a name in the route's own family, one or more.
func (n routeNames) lookup(host string) ([]netip.Addr, error) {
	network := "ip4"
	if n.route.IPv6 {
		network = "ip6"
	}
	ctx, cancel := context.WithTimeout(n.ctx, resolveTime)
	defer cancel()
	addrs, err := n.resolve(ctx, network, host)
	var list []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); a.Is6() == n.route.IPv6 {
			list = append(list, a)
		}
	}
	if err == nil && len(list) == 0 {
		err = errors.New("the name has no address of that kind")
	}
	if err != nil {
		return nil, n.fault(host, err)
	}
	return list, nil
}

func (n routeNames) fault(host string, err error) error {
	name := "route"
	if n.route.IPv6 {
		name = "route-ipv6"
	}
	return fmt.Errorf("%v: %s %s: %w", n.route.Pos, name, host, err)
}

// errNoGateway is why a default route for IPv4 is left out.
var errNoGateway = errors.New("redirect-gateway: IPv4 is not led into the tunnel, which has neither an IPv4 address (ifconfig) nor a gateway (route-gateway)")

// redirect is `redirect-gateway`: everything goes through the tunnel except the way to
// the server. With `block-ipv6` that is IPv6 too, whatever the tunnel carries, so that
// none leaves past it. The host's own default route is never replaced, with or without `def1`,
// so that nothing is lost when the tunnel goes.
func redirect(c *config.Config, peer netip.Addr) (routes []hostnet.Route, err error) {
	r := c.Routing.RedirectGateway
	if r == nil || !peer.IsValid() {
		return nil, nil
	}
	if !r.Local {
		routes = append(routes, hostnet.Route{Dst: netip.PrefixFrom(peer, peer.BitLen()), Bypass: true})
	}
	if r.Private {
		return routes, nil
	}
	switch via, ok := nextHop(c, false); {
	case r.NoIPv4:
	case c.Adapter.Ifconfig == nil && !c.Routing.Gateway.IsValid() && Kind(c.Adapter) == nic.IP:
		err = errNoGateway
	case ok:
		for _, half := range halves4 {
			routes = append(routes, hostnet.Route{Dst: half, Via: via})
		}
	}
	blocked := c.Routing.BlockIPv6 && !ipv6Off()
	if via, ok := nextHop(c, true); blocked || ok && r.IPv6 && c.Adapter.IfconfigIPv6 != nil {
		for _, half := range halves6 {
			routes = append(routes, hostnet.Route{Dst: half, Via: via, Table: Table(c.Routing)})
		}
	}
	return routes, err
}

// ipv6Off reports whether no adapter of this host carries IPv6; a variable for tests.
var ipv6Off = hostnet.IPv6Off

// Table returns the number of the table that routes go to, 0 for the main one, where
// the system has tables (Linux). As with OpenVPN, it is that of `route` and
// `route-ipv6`, and of IPv6 that is redirected; IPv4 is redirected in the main one.
func Table(c config.Routing) int {
	const main = 254 // RT_TABLE_MAIN
	if runtime.GOOS != "linux" || c.Table == main {
		return 0
	}
	return int(c.Table)
}

// names returns what `dns` says about names, or without it, `dhcp-option`.
func names(c config.Routing) *hostnet.DNS {
	d := &hostnet.DNS{Search: slices.Clone(c.DNS.SearchDomains)}
	if len(c.DNS.Servers) > 0 {
		// Only one is used at a time; the list is in order of priority.
		d.Servers = c.DNS.Servers[0].Addrs
		d.Domains = c.DNS.Servers[0].ResolveDomains
	} else {
		for _, a := range c.DNS.Addrs {
			d.Servers = append(d.Servers, netip.AddrPortFrom(a, 0))
		}
		d.Domains = c.DNS.RouteDomains
	}
	if c.DNS.Domain != "" && !slices.Contains(d.Search, c.DNS.Domain) {
		d.Search = append([]string{c.DNS.Domain}, d.Search...)
	}
	if len(d.Servers) == 0 && len(d.Search) == 0 {
		return nil
	}
	return d
}

// Pins reports whether routes keep the way to the other end out of the tunnel, as
// those of `redirect-gateway` do.
func Pins(routes []hostnet.Route) bool {
	return slices.ContainsFunc(routes, func(r hostnet.Route) bool { return r.Bypass && !r.NetGateway })
}
