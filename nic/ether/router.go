package ether

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"

	"culvert/nic/ether/dhcp"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// How often the router advertises itself unasked: three times after a change, and
// then often enough to keep what it said alive (RFC 4861 section 6.2).
const (
	advertiseSoon  = 16 * time.Second
	advertiseOften = 10 * time.Minute
	advertiseFor   = 3 * advertiseOften
	advertiseFirst = 3
)

// router is the phantom gateway as an IPv6 router, which advertises itself to a
// host that gets its settings here.
type router struct {
	next time.Time // of the next advertisement unasked; zero: none
	soon int       // advertisements to come in quick succession
	gone withdrawn
}

// withdrawn is what was advertised before, and no longer holds.
type withdrawn struct {
	prefix  netip.Prefix // zero: none
	routes  []netip.Prefix
	servers []netip.Addr
	domains []string
}

// changed starts over for a new network; was is the one before.
func (r *router) changed(now time.Time, n, was Network) {
	*r = router{}
	if !n.DHCP || !n.IPv6.Address.IsValid() && !was.IPv6.Address.IsValid() {
		return
	}
	r.next, r.soon = now, advertiseFirst
	if was.IPv6.Address.IsValid() {
		r.gone = gone(was, n)
	}
}

func gone(was, n Network) (g withdrawn) {
	if was.IPv6.Address.Masked() != n.IPv6.Address.Masked() {
		g.prefix = was.IPv6.Address.Masked()
	}
	all := !n.IPv6.Address.IsValid()
	g.routes = without(was.IPv6.routes(), n.IPv6.routes(), all)
	g.servers = without(was.servers(), n.servers(), all)
	g.domains = without(was.domains(), n.domains(), all)
	return g
}

// without returns the elements of a list that are not on the other one, or all.
func without[T comparable](list, other []T, all bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !all && slices.Contains(other, v) })
}

// due reports whether to advertise now, and plans the next advertisement.
func (r *router) due(now time.Time, n Network) bool {
	if r.next.IsZero() || now.Before(r.next) {
		return false
	}
	r.soon--
	switch {
	case r.soon > 0:
		r.next = now.Add(advertiseSoon)
	case n.IPv6.Address.IsValid():
		r.next, r.gone = now.Add(advertiseOften), withdrawn{}
	default:
		r.next = time.Time{} // the host has been told that there is no router any more
	}
	return true
}

// defaultHops is the hop limit of hosts (IANA, IP Parameters).
const defaultHops = 64

// advertisement describes the network, if the host gets its settings here.
func (r *router) advertisement(n Network, gateway frame.MAC) *ndp.RouterAdvertisement {
	ra := &ndp.RouterAdvertisement{CurrentHopLimit: defaultHops, Options: []ndp.Option{
		&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: gateway[:]},
	}}
	if n.MTU >= leastMTU {
		ra.Options = append(ra.Options, ndp.NewMTU(uint32(n.MTU)))
	}
	if !n.DHCP {
		return ra
	}
	if r.gone.prefix.IsValid() {
		ra.Options = append(ra.Options, onLink(r.gone.prefix, 0))
	}
	ra.Options = append(ra.Options, names(r.gone.servers, r.gone.domains, 0)...)
	if n.IPv6.Address.IsValid() {
		ra.ManagedConfiguration, ra.OtherConfiguration = true, true
		if n.IPv6.Default {
			ra.RouterLifetime, ra.RouterSelectionPreference = advertiseFor, ndp.High
		}
		ra.Options = append(ra.Options, onLink(n.IPv6.Address.Masked(), advertiseFor))
		ra.Options = append(ra.Options, names(n.servers(), n.domains(), advertiseFor)...)
		addRoutes(ra, n.IPv6.routes(), advertiseFor)
	}
	addRoutes(ra, r.gone.routes, 0)
	return ra
}

// leastMTU is the least MTU of IPv6 (RFC 8200 section 5).
const leastMTU = 1280

// onLink is the prefix for which the host asks neighbours. The host makes no
// address from it: it has the one that DHCPv6 gives.
func onLink(p netip.Prefix, life time.Duration) ndp.Option {
	return &ndp.PrefixInformation{PrefixLength: uint8(p.Bits()), OnLink: true, ValidLifetime: life, PreferredLifetime: life, Prefix: p.Addr()}
}

// servers returns the servers that an advertisement names, and domains the domains:
// as many as leave room for other options. Package ndp makes options of up to 248
// bytes.
func (n Network) servers() []netip.Addr {
	const most = 8
	servers := slices.DeleteFunc(slices.Clone(n.DNS), netip.Addr.Is4)
	return servers[:min(len(servers), most)]
}

func (n Network) domains() (domains []string) {
	const most = 230
	bytes := 0
	for _, name := range n.Search {
		if bytes += len(name) + 2; dhcp.HasForm(name) && bytes <= most {
			domains = append(domains, name)
		}
	}
	return domains
}

func names(servers []netip.Addr, domains []string, life time.Duration) (options []ndp.Option) {
	if len(servers) > 0 {
		options = append(options, &ndp.RecursiveDNSServer{Lifetime: life, Servers: servers})
	}
	if len(domains) > 0 {
		options = append(options, &ndp.DNSSearchList{Lifetime: life, DomainNames: domains})
	}
	return options
}

// addRoutes adds a route information option (RFC 4191) for each route, as long as
// the packet fits any IPv6 link.
func addRoutes(ra *ndp.RouterAdvertisement, routes []netip.Prefix, life time.Duration) {
	const headers, option = 40, 24
	b, err := ndp.MarshalMessage(ra)
	if err != nil {
		return
	}
	room := (leastMTU - headers - len(b)) / option
	for _, p := range routes[:min(len(routes), max(room, 0))] {
		ra.Options = append(ra.Options, &ndp.RouteInformation{
			PrefixLength: uint8(p.Bits()), Preference: ndp.High, RouteLifetime: life, Prefix: p.Masked().Addr()})
	}
}

// advertise returns the frame of an advertisement, to one host, or to all if the
// host has no address yet.
func (r *router) advertise(n Network, gateway frame.MAC, to netip.Addr, host frame.MAC) ([]byte, error) {
	if !to.IsValid() || to.IsUnspecified() {
		to, host = neighbor.AllNodes, neighbor.GroupMAC(neighbor.AllNodes)
	}
	return neighbor.ND{Src: GatewayIPv6, Dst: to, Message: r.advertisement(n, gateway)}.Append(nil, gateway, host)
}
