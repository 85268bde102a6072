package profile

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"culvert/access/hooks"
	"culvert/access/pki"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
)

// Told returns what programs are told of a state of this host (manual, "Environmental
// Variables"). base is the environment of the process, and of the other end where it is
// known. peer is the other end's outer address, if it is known.
func Told(c *config.Config, base *hooks.Env, peer netip.Addr) bringup.Told {
	t := bringup.Told{Base: base, Host: new(hooks.Env), NoRoutes: c.Routing.NoExec,
		Redirect: c.Routing.RedirectGateway != nil && !c.Routing.RedirectGateway.NoIPv4}
	setRedirect(t.Host, c.Routing.RedirectGateway)
	setDNS(t.Host, c.Routing.DNS)
	setForeign(t.Host, c.Routing.DNS)
	t.Local, t.Remote = setOwnAddress(t.Host, c.Adapter)
	setRouteVariables(t.Host, c, peer)
	if c.Hooks.DNSUpdown != nil {
		t.DNS = updown(c.Routing.DNS)
	}
	return t
}

// setRedirect sets what OpenVPN 2.7 tells of default routes into the tunnel: 1, and 2 with
// block-local.
func setRedirect(e *hooks.Env, r *config.RedirectGateway) {
	if r == nil || r.Private {
		return
	}
	how := int64(1)
	if r.BlockLocal {
		how = 2
	}
	if !r.NoIPv4 {
		e.SetInt("route_redirect_gateway_ipv4", how)
	}
	if r.IPv6 {
		e.SetInt("route_redirect_gateway_ipv6", how)
	}
}

// updown returns what dns-updown is told of names, as OpenVPN 2.7 does. With servers
// of `dns`, dhcp-option says nothing. nil: there are no servers, and nothing is run.
func updown(dns config.DNS) *hooks.Env {
	servers := withOptions(dns)
	if len(servers) == 0 {
		return nil
	}
	options := optionDomains(dns.Options)
	search := slices.DeleteFunc(slices.Clone(dns.SearchDomains), func(d string) bool { return slices.Contains(options, d) })
	if len(dns.Servers) == 0 {
		search = append(options, search...)
	}
	env := new(hooks.Env)
	setSearch(env, search)
	setDNSServers(env, servers)
	return env
}

// optionDomains returns the domains of dhcp-option as OpenVPN 2.7 searches them: the last
// DOMAIN, and then each DOMAIN-SEARCH.
func optionDomains(options []string) (domains []string) {
	var domain []string
	for _, o := range options {
		switch kind, value, _ := strings.Cut(o, " "); strings.ToUpper(kind) {
		case "DOMAIN", "ADAPTER_DOMAIN_SUFFIX":
			domain = []string{value}
		case "DOMAIN-SEARCH":
			domains = append(domains, value)
		}
	}
	return append(domain, domains...)
}

// PeerVariables returns what programs are told of the other end when it has proven who it
// is. shown are its certificates, nil with a static key.
func PeerVariables(s *Settings, shown []*x509.Certificate, at netip.AddrPort) *hooks.Env {
	env := new(hooks.Env)
	name := ""
	if s.Trust != nil {
		if chain := s.Trust.Chain(shown); len(chain) > 0 {
			env.SetCertificates(chain, 0, "", s.Config.Trust.X509Track)
			name = pki.Username(chain[0], s.Config.Trust.X509UsernameField)
		}
		env.SetAddress("untrusted", at)
	}
	env.SetAddress("trusted", at)
	if name != "" {
		env.Set("common_name", name)
	}
	return env
}

// PeerChanged returns the argument of ipchange for the other end's address: one, in which
// OpenVPN puts address and port.
func PeerChanged(at netip.AddrPort) string {
	family := "[AF_INET]"
	if at.Addr().Unmap().Is6() {
		family = "[AF_INET6]"
	}
	return fmt.Sprintf("%s%v %d", family, at.Addr().Unmap(), at.Port())
}

// setDNS sets what `dns` says.
func setDNS(e *hooks.Env, dns config.DNS) {
	if len(dns.Servers) == 0 {
		return // without servers, domains come as options
	}
	setSearch(e, dns.SearchDomains)
	setDNSServers(e, dns.Servers)
}

func setSearch(e *hooks.Env, domains []string) {
	for i, d := range domains {
		e.Set(fmt.Sprintf("dns_search_domain_%d", i+1), d)
	}
}

// setDNSServers sets what is known of servers, which are counted from 1, by priority.
func setDNSServers(e *hooks.Env, servers []config.DNSServer) {
	for i, s := range servers {
		server := fmt.Sprintf("dns_server_%d", i+1)
		at := func(n int, name, value string) {
			e.Set(fmt.Sprintf("%s_%s_%d", server, name, n), value)
		}
		for i, a := range s.Addrs {
			at(i+1, "address", a.Addr().String())
			if a.Port() != 0 {
				at(i+1, "port", fmt.Sprint(a.Port()))
			}
		}
		for i, d := range s.ResolveDomains {
			at(i+1, "resolve_domain", d)
		}
		for _, v := range []hooks.Variable{{Name: "dnssec", Value: s.DNSSEC}, {Name: "transport", Value: s.Transport}, {Name: "sni", Value: s.SNI}} {
			if v.Value != "" {
				e.Set(server+"_"+v.Name, v.Value)
			}
		}
	}
}

// withOptions returns the servers of `dns`, or those of dhcp-option as OpenVPN 2.7 makes
// one of them.
func withOptions(dns config.DNS) []config.DNSServer {
	if len(dns.Servers) > 0 || len(dns.Addrs) == 0 {
		return dns.Servers
	}
	s := config.DNSServer{}
	for _, a := range dns.Addrs {
		s.Addrs = append(s.Addrs, netip.AddrPortFrom(a, 0))
	}
	return []config.DNSServer{s}
}

// setForeign sets foreign_option_1 and so on: what dhcp-option says, and with `dns`
// servers those and their domains in its terms.
func setForeign(e *hooks.Env, dns config.DNS) {
	n := 0
	add := func(text string) {
		n++
		e.Set(fmt.Sprintf("foreign_option_%d", n), "dhcp-option "+text)
	}
	for _, o := range dns.Options {
		if kind, _, _ := strings.Cut(strings.ToUpper(o), " "); len(dns.Servers) == 0 || kind != "DNS" && kind != "DNS6" && kind != "DOMAIN-SEARCH" {
			add(o)
		}
	}
	if len(dns.Servers) == 0 {
		return
	}
	for _, s := range dns.Servers {
		for _, a := range s.Addrs {
			kind := "DNS"
			if a.Addr().Is6() {
				kind = "DNS6"
			}
			add(kind + " " + a.Addr().String())
		}
	}
	for _, d := range dns.SearchDomains {
		add("DOMAIN-SEARCH " + d)
	}
}

// setOwnAddress sets the adapter's addresses, and returns the two that are arguments.
func setOwnAddress(e *hooks.Env, c config.Adapter) (local, remote string) {
	if i := c.Ifconfig; i != nil {
		local = i.Local.String()
		e.Set("ifconfig_local", local)
		if i.Remote.IsValid() {
			remote = i.Remote.String()
			e.Set("ifconfig_remote", remote)
		} else {
			remote = mask(i.Bits)
			e.Set("ifconfig_netmask", remote)
		}
	}
	if i := c.IfconfigIPv6; i != nil {
		e.Set("ifconfig_ipv6_local", i.Local.Addr().String())
		e.SetInt("ifconfig_ipv6_netbits", int64(i.Local.Bits()))
		if i.Remote.IsValid() {
			e.Set("ifconfig_ipv6_remote", i.Remote.String())
		}
	}
	return local, remote
}

func mask(bits int) string { return net.IP(net.CIDRMask(bits, 32)).String() }

// setRouteVariables sets the variables of the routes of the configuration, IPv4's and IPv6's
// counted from 1, and of the gateways of each kind that has one.
func setRouteVariables(e *hooks.Env, c *config.Config, peer netip.Addr) {
	routes := append(slices.Clone(c.Routing.Routes), impliedRoutes(c)...)
	has := func(ipv6 bool) bool {
		return slices.ContainsFunc(routes, func(r config.Route) bool { return r.IPv6 == ipv6 })
	}
	outside := map[bool]netip.Addr{false: netip.IPv4Unspecified()}
	for _, six := range []bool{false, true} {
		if way, ok := (hostnet.Network{}).Default(six); ok && way.Via.IsValid() {
			outside[six] = way.Via
		}
	}
	if has(false) || c.Routing.RedirectGateway != nil {
		e.Set("route_net_gateway", outside[false].String())
		if via := gateway(c); via.IsValid() {
			e.Set("route_vpn_gateway", via.String())
		}
	}
	for _, six := range []bool{false, true} {
		if via := outside[six]; six && has(six) && via.IsValid() {
			e.Set("net_gateway_ipv6", via.String())
		}
		n := 0
		for _, r := range routes {
			if r.IPv6 != six {
				continue
			}
			for _, dst := range destinationsOf(c, r, peer) {
				n++
				setRouteVariable(e, c, r, dst, n, outside[six])
			}
		}
	}
}

// parts6 are the networks as which OpenVPN leads IPv6 into a tunnel.
var parts6 = []netip.Prefix{netip.MustParsePrefix("::/3"), netip.MustParsePrefix("2000::/4"), netip.MustParsePrefix("3000::/4"), netip.MustParsePrefix("fc00::/7")}

// impliedRoutes returns the routes that OpenVPN adds to those of the configuration, and tells
// of as of these: to a server's clients where its adapter has only one of them at the other
// end, and for IPv6 that redirect-gateway leads into the tunnel.
func impliedRoutes(c *config.Config) (routes []config.Route) {
	inside := config.Route{Gateway: config.Gateway{Kind: config.GatewayVPN}, Metric: -1}
	if i := c.Adapter.Ifconfig; c.Mode == config.ModeServer && c.Server.Network.IsValid() && i != nil && i.Remote.IsValid() {
		inside.Net = c.Server.Network
		routes = append(routes, inside)
	}
	if r := c.Routing.RedirectGateway; r != nil && r.IPv6 && !r.Private {
		for _, inside.Net = range parts6 {
			inside.IPv6 = true
			routes = append(routes, inside)
		}
	}
	return routes
}

// destinationsOf returns the networks of a route, without asking for a name again.
func destinationsOf(c *config.Config, r config.Route, peer netip.Addr) (list []netip.Prefix) {
	if r.Net.IsValid() {
		return []netip.Prefix{r.Net.Masked()}
	}
	if r.Special() == "" {
		return nil // a name has several addresses, and others each time
	}
	list, _ = routeNames{route: r}.destinations(c, peer)
	return list
}

func setRouteVariable(e *hooks.Env, c *config.Config, r config.Route, dst netip.Prefix, n int, outside netip.Addr) {
	via := inside(c, r.IPv6)
	switch r.Gateway.Kind {
	case config.GatewayNet:
		via = outside
	case config.GatewayAddr:
		via = r.Gateway.Addr
	}
	family := ""
	network := dst.Addr().String()
	if r.IPv6 {
		family, network = "ipv6_", dst.String()
	}
	at := func(name, value string) { e.Set(fmt.Sprintf("route_%s%s_%d", family, name, n), value) }
	at("network", network)
	if !r.IPv6 {
		at("netmask", mask(dst.Bits()))
	}
	if !via.IsValid() && r.IPv6 {
		via = netip.IPv6Unspecified()
	}
	if via.IsValid() {
		at("gateway", via.String())
	}
	if metric := max(r.Metric, 0); metric > 0 || c.Routing.Metric > 0 {
		if r.Metric < 0 {
			metric = c.Routing.Metric
		}
		at("metric", fmt.Sprint(metric))
	}
}
