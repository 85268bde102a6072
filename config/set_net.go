package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"culvert/internal/domain"
)

// setIfconfig keeps the arguments: the meaning of the second depends on the
// topology, which may come later.
func setIfconfig(b *builder, d *call) error {
	if _, err := d.addr4(0); err != nil {
		return err
	}
	if _, err := d.addr4(1); err != nil {
		return d.expected(d.args[1], "the peer's IPv4 address, or a netmask")
	}
	b.device.ifconfig = d
	return nil
}

// setIfconfigIPv6 reads an address without a length as a /64, as OpenVPN does.
func setIfconfigIPv6(b *builder, d *call) error {
	if !strings.Contains(d.args[0], "/") {
		d.args[0] += "/64"
	}
	local, err := d.prefix6(0)
	if err != nil {
		return err
	}
	i := &IfconfigIPv6{Local: local}
	if len(d.args) > 1 {
		if i.Remote, err = d.addr6(1); err != nil {
			return err
		}
	}
	b.Adapter.IfconfigIPv6 = i
	return nil
}

// maxRoutes limits what a server can make a client store.
const maxRoutes = 100_000

func setRoute(b *builder, d *call) error {
	r := Route{Metric: -1, Pos: d.Pos}
	if err := routeTarget(b, d, &r); err != nil {
		return err
	}
	return b.Routing.add(d, r, b.sending)
}

// setRouteIPv6 reads an address or a name without a length as a single host.
func setRouteIPv6(b *builder, d *call) error {
	r := Route{IPv6: true, Metric: -1, Pos: d.Pos}
	if !strings.Contains(d.args[0], "/") {
		d.args[0] += "/128"
	}
	host, length, _ := strings.Cut(d.args[0], "/")
	if isRouteName(host) {
		bits, err := strconv.Atoi(length)
		if err != nil || bits < 0 || bits > 128 {
			return d.expected(d.args[0], "a host's name with a prefix length from 0 to 128, such as "+host+"/128")
		}
		r.Host, r.Bits = host, bits
	} else {
		net, err := d.prefix6(0)
		if err != nil {
			return err
		}
		r.Net = net.Masked()
	}
	d.args = slices.Insert(d.args, 1, "")
	return b.Routing.add(d, r, b.sending)
}

// isRouteName reports whether s may be a host's name. One that ends in a number is a
// wrong IPv4 address.
func isRouteName(s string) bool {
	_, err := strconv.Atoi(s[strings.LastIndexByte(s, '.')+1:])
	return domain.Valid(s) && err != nil
}

// add reads gateway and metric, arguments 2 and 3, and keeps the route. sending
// says that it is this side's to push.
func (g *Routing) add(d *call, r Route, sending bool) error {
	var err error
	if len(d.args) > 2 {
		if r.Gateway, err = routeGateway(d, d.args[2], r.IPv6); err != nil {
			return err
		}
	}
	if len(d.args) > 3 && !isDefault(d.args[3]) {
		if r.Metric, err = d.int(3, 0, maxSeconds); err != nil {
			return err
		}
	}
	if err := g.checkPulled(d, r, sending); err != nil {
		return err
	}
	if len(g.Routes) == maxRoutes {
		return d.fault("", fmt.Sprintf("more than %d routes", maxRoutes), "merge neighbouring ones")
	}
	g.Routes = append(g.Routes, r)
	return nil
}

// routeTarget reads network and netmask: an address, a name, one of the special
// names, or, beyond OpenVPN, a network with its prefix length.
func routeTarget(b *builder, d *call, r *Route) (err error) {
	bits := 32
	if len(d.args) > 1 && !isDefault(d.args[1]) {
		if bits, err = d.mask(1); err != nil {
			return err
		}
	}
	if p, err := netip.ParsePrefix(d.args[0]); err == nil && p.Addr().Is4() && len(d.args) == 1 {
		if b.sending {
			return d.fault(d.args[0], "clients want a netmask in place of a prefix length", "write route "+p.Masked().Addr().String()+" "+maskText(p.Bits()))
		}
		r.Net = p.Masked()
		return nil
	}
	a, err := netip.ParseAddr(d.args[0])
	if err == nil && a.Is4() {
		net := netip.PrefixFrom(a, bits)
		if r.Net = net.Masked(); r.Net != net {
			d.remark("read as " + r.Net.String() + ", since " + d.args[0] + " has bits set beyond the netmask")
		}
		return nil
	}
	if err == nil || !isRouteName(d.args[0]) {
		return d.expected(d.args[0], "an IPv4 network such as 10.0.0.0, or a host's name")
	}
	r.Host, r.Bits = d.args[0], bits
	return nil
}

func isDefault(s string) bool { return s == "" || s == "default" }

// routeGateway reads a gateway, which for IPv4 may be a host's name.
func routeGateway(d *call, s string, ipv6 bool) (Gateway, error) {
	switch special(s) {
	case VPNGateway:
		return Gateway{Kind: GatewayVPN}, nil
	case NetGateway:
		return Gateway{Kind: GatewayNet}, nil
	case RemoteHost:
		return Gateway{Kind: GatewayRemoteHost}, nil
	}
	a, err := netip.ParseAddr(s)
	switch {
	case isDefault(s):
		return Gateway{Kind: GatewayVPN}, nil
	case err == nil && a.Unmap() == a && a.Is6() == ipv6:
		return Gateway{Kind: GatewayAddr, Addr: a}, nil
	case ipv6:
		return Gateway{}, d.expected(s, "vpn_gateway_ipv6, net_gateway_ipv6, remote_host_ipv6 or an IPv6 address")
	case err != nil && isRouteName(s):
		return Gateway{Kind: GatewayHost, Host: s}, nil
	}
	return Gateway{}, d.expected(s, "vpn_gateway, net_gateway, remote_host, an IPv4 address or a host's name")
}

func setRouteGateway(b *builder, d *call) error {
	if d.args[0] == "dhcp" {
		b.Routing.Gateway, b.Routing.GatewayIsDHCP = netip.Addr{}, true
		return nil
	}
	a, err := d.addr4(0)
	if err == nil {
		b.Routing.Gateway, b.Routing.GatewayIsDHCP = a, false
	}
	return err
}

// redirectFlags are those of redirect-gateway and redirect-private.
const redirectFlags = "def1, ipv6, !ipv4, local, autolocal, bypass-dhcp, bypass-dns or block-local"

// redirect is the setter of redirect-gateway and redirect-private. The flags of
// several lines add up. A server may push flags that this side does not know.
func redirect(private bool) setter {
	return func(b *builder, d *call) error {
		r := RedirectGateway{Private: private}
		if b.Routing.RedirectGateway != nil {
			r = *b.Routing.RedirectGateway
			r.Private = r.Private && private
		}
		for _, name := range d.args {
			if !r.set(name) {
				if d.File != pushed || b.sending {
					return d.expected(name, redirectFlags)
				}
				d.remark(clip(name) + " is unknown and ignored; known are " + redirectFlags)
			}
			if strings.HasPrefix(name, "bypass-") {
				d.remark(name + " only means something on Windows, ignored here")
			}
		}
		b.Routing.RedirectGateway = &r
		return nil
	}
}

// set takes a flag. Two need nothing: the default route is never replaced (def1),
// and the way to a server on this host's own network stays as it is (autolocal).
func (r *RedirectGateway) set(flag string) (known bool) {
	switch flag {
	case "local":
		r.Local = true
	case "ipv6":
		r.IPv6 = true
	case "!ipv4":
		r.NoIPv4 = true
	case "block-local":
		r.BlockLocal = true
	case "def1", "autolocal", "bypass-dhcp", "bypass-dns":
	default:
		return false
	}
	return true
}

// maxNames limits each list of DNS names and servers.
const maxNames = 256

// setDHCPOption is `dhcp-option KIND VALUE`.
func setDHCPOption(b *builder, d *call) error {
	err := setDHCP(b, d)
	if err == nil && len(d.args) <= 2 { // as with OpenVPN, programs hear of unknown kinds, too
		b.Routing.DNS.Options = append(slices.Clip(b.Routing.DNS.Options), strings.Join(d.args, " "))
	}
	return err
}

func setDHCP(b *builder, d *call) error {
	kind, args := strings.ToUpper(d.args[0]), d.args[1:]
	switch kind {
	case "DNS", "DNS6":
		return addAddr(d, &b.Routing.DNS.Addrs)
	case "NTP", "WINS", "NBDD", "NBT", "NBS", "DISABLE-NBT":
		if err := b.Routing.DNS.netOption(d, kind); err != nil || b.Adapter.Look == AdapterDHCP {
			return err
		} // else nobody asks for it
	case "DOMAIN", "ADAPTER_DOMAIN_SUFFIX", "DOMAIN-SEARCH":
		if len(args) != 1 || !domain.Valid(args[0]) {
			return d.expected(strings.Join(args, " "), "one domain such as example.org after "+kind)
		}
		if kind != "DOMAIN-SEARCH" && b.Routing.DNS.Domain == "" {
			b.Routing.DNS.Domain = args[0]
			return nil
		}
		return b.Routing.DNS.addDomains(d, args)
	case "DOMAIN-ROUTE":
		return b.Routing.DNS.routeDomain(d, args)
	}
	d.remark("nothing here uses " + quote(d.args[0]) + ", ignored")
	return nil
}

// routeDomain is `dhcp-option DOMAIN-ROUTE NAME`. A dot stands for all names, which is what
// is asked for without it.
func (dns *DNS) routeDomain(d *call, args []string) error {
	switch {
	case len(args) == 1 && args[0] == ".":
		d.remark("all names are asked at the servers without it")
		return nil
	case len(args) != 1 || !domain.Valid(args[0]):
		return d.expected(strings.Join(args, " "), "one domain such as corp.example after DOMAIN-ROUTE")
	case len(dns.RouteDomains) == maxNames:
		return d.fault("", fmt.Sprintf("more than %d domains", maxNames), "")
	}
	dns.RouteDomains = append(slices.Clip(dns.RouteDomains), args[0])
	return nil
}

// netOption is what a DHCP client may ask an Ethernet adapter for, beside DNS.
func (dns *DNS) netOption(d *call, kind string) error {
	switch kind {
	case "NTP":
		return addAddr(d, &dns.NTP)
	case "WINS":
		return addAddr(d, &dns.WINS)
	case "NBDD":
		return addAddr(d, &dns.NBDD)
	}
	return dns.netBIOS(d, kind)
}

// addAddr adds the address after the kind of a dhcp-option to a list.
func addAddr(d *call, list *[]netip.Addr) error {
	if len(d.args) != 2 {
		return d.expected(strings.Join(d.args[1:], " "), "one address after "+d.args[0])
	}
	a, err := netip.ParseAddr(d.args[1])
	if bare := strings.TrimRight(d.args[1], ";#"); bare != d.args[1] && d.File != pushed {
		if a, err = netip.ParseAddr(bare); err == nil {
			d.remark("what follows the address in " + quote(d.args[1]) + " is taken as a comment; put a blank before it")
		}
	}
	if err != nil || a.Zone() != "" {
		return d.expected(d.args[1], "an IPv4 or IPv6 address")
	}
	if len(*list) == maxNames {
		return d.fault(d.args[1], fmt.Sprintf("more than %d addresses", maxNames), "")
	}
	*list = append(*list, a)
	return nil
}

// checkDomains refuses what is not a domain: it would end up in files and programs.
func checkDomains(d *call, names []string) error {
	for _, n := range names {
		if !domain.Valid(n) {
			return d.expected(n, "a domain such as example.org")
		}
	}
	return nil
}

func (dns *DNS) addDomains(d *call, names []string) error {
	if err := checkDomains(d, names); err != nil {
		return err
	}
	if len(dns.SearchDomains)+len(names) > maxNames {
		return d.fault("", fmt.Sprintf("more than %d search domains", maxNames), "")
	}
	dns.SearchDomains = append(dns.SearchDomains, names...)
	return nil
}
