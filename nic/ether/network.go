package ether

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"time"

	"culvert/nic/ether/dhcp"
)

// Network is what the host finds on the adapter's segment: what a tunnel's server
// pushed. The zero value is a segment with nobody on it.
type Network struct {
	MTU int
	// DHCP says that the host gets its settings by DHCP, DHCPv6 and router
	// advertisements. Otherwise it has them from elsewhere, and advertisements say
	// nothing that could contradict them.
	DHCP  bool
	Lease time.Duration // of addresses

	IPv4    IPv4
	IPv6    IPv6
	DNS     []netip.Addr
	Domain  string
	Search  []string
	NTP     []netip.Addr
	NetBIOS dhcp.NetBIOS
	// Unsaid lists, for the log, what was pushed and has no form in DHCP.
	Unsaid []string
}

// IPv4 is the adapter's address and what lies behind it. An invalid Address means
// no IPv4.
type IPv4 struct {
	Address netip.Prefix // the adapter's own, and its network
	// Server is the address that plays DHCP server and exists nowhere: the second
	// of the pair.
	Server  netip.Addr
	Gateway netip.Addr     // the next hop of routes; not valid: Server
	Default bool           // the default route leads here
	Routes  []netip.Prefix // other than the default
}

// IPv6 does the same for IPv6. The next hop is always GatewayIPv6.
type IPv6 struct {
	Address netip.Prefix
	Peer    netip.Addr // part of the network, also if outside of Address's own
	Default bool
	Routes  []netip.Prefix
}

// GatewayIPv6 is the phantom gateway's link-local address: the one that stock
// OpenVPN names as the next hop of IPv6 routes on an Ethernet adapter.
var GatewayIPv6 = netip.MustParseAddr("fe80::8")

// next returns the next hop of routes.
func (n IPv4) next() netip.Addr {
	if n.Gateway.IsValid() {
		return n.Gateway
	}
	return n.Server
}

// holds reports whether an address belongs to a station of this network other than
// the adapter.
func (n IPv4) holds(a netip.Addr) bool {
	return n.Address.IsValid() && a != n.Address.Addr() &&
		(n.Address.Contains(a) && !n.reserved(a) || a == n.Server || a == n.Gateway)
}

// reserved reports whether an address is the network's own or its broadcast
// address. Networks of one or two addresses have neither (RFC 3021).
func (n IPv4) reserved(a netip.Addr) bool {
	if n.Address.Bits() > 30 {
		return false
	}
	host := binary.BigEndian.Uint32(a.AsSlice()) << n.Address.Bits() >> n.Address.Bits()
	return host == 0 || host == math.MaxUint32>>n.Address.Bits()
}

// beside reports whether an address belongs to a server that a DHCP client may look
// for on the segment itself. systemd-networkd does so if no router is named.
func (n Network) beside(a netip.Addr) bool {
	return slices.Contains(n.DNS, a) || slices.Contains(n.NTP, a)
}

func (n IPv6) holds(a netip.Addr) bool {
	return n.Address.IsValid() && a != n.Address.Addr() &&
		(n.Address.Contains(a) || a == n.Peer)
}

// lease4 returns the network as DHCP describes it.
func (n Network) lease4() dhcp.Lease4 {
	l := dhcp.Lease4{
		Address: n.IPv4.Address, Server: n.IPv4.Server, Time: n.Lease, MTU: n.MTU,
		DNS: n.DNS, Domain: n.Domain, Search: n.Search, NTP: n.NTP, NetBIOS: n.NetBIOS,
	}
	next, routes := n.IPv4.next(), n.IPv4.Routes
	if n.IPv4.Default {
		l.Router, routes = next, append(halves4, routes...)
	}
	if len(routes) > 0 && !n.IPv4.Address.Contains(next) {
		l.Routes = append(l.Routes, dhcp.Route{Dst: netip.PrefixFrom(next, next.BitLen())})
	}
	for _, dst := range routes {
		l.Routes = append(l.Routes, dhcp.Route{Dst: dst, Via: next})
	}
	return l
}

// routes returns the routes that an advertisement names.
func (n IPv6) routes() []netip.Prefix {
	if n.Default {
		return append(halves6, n.Routes...)
	}
	return n.Routes
}

// The two halves of an address space take precedence over any default route, such
// as the one that bypasses the tunnel. slices.Clip keeps an append from sharing.
var (
	halves4 = slices.Clip([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")})
	halves6 = slices.Clip([]netip.Prefix{netip.MustParsePrefix("::/1"), netip.MustParsePrefix("8000::/1")})
)
