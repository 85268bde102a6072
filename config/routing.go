package config

import (
	"net/netip"
	"strings"
)

// Routing is what goes into the tunnel: routes, redirection and DNS, our own and
// pushed.
type Routing struct {
	Routes          []Route
	NoExec          bool
	Gateway         netip.Addr
	GatewayIsDHCP   bool // `route-gateway dhcp`: the one a DHCP server names
	Metric          int
	NoPull          bool
	AllowPullFQDN   bool // pushed routes may have names
	RedirectGateway *RedirectGateway
	DNS             DNS
	PullFilters     []PullFilter // in file order
	GatewayIPv6     netip.Addr   // route-ipv6-gateway; not valid: not given
	Table           uint32       // of routes; 0: the main one
	AllowRecursive  bool         // packets to the server's outer address may go in
	BlockIPv6       bool
	BlockOutsideDNS bool          // no program asks for names but through the tunnel; never set on systems that cannot
	BlockOutside    *BlockOutside // nil: packets may leave outside the tunnel
	ClientNAT       []ClientNAT   // in order; the first that fits counts
	Only            Choice        // if not empty, nothing else of this host uses the tunnel
	Except          Choice        // stays outside of it
}

// BlockOutside is `block-outside`: packets leave this host through the tunnel only.
type BlockOutside struct {
	Persist bool           // also after the process was killed
	Open    []netip.Prefix // networks that may be reached all the same
}

// ClientNAT is one `client-nat`: addresses in Local, as this end sees them, are those
// in Alias at the other end. The two are of one size.
type ClientNAT struct {
	Source       bool // snat: addresses of this end; else dnat, of the other end
	Local, Alias netip.Prefix
}

// Route is one `route` or `route-ipv6`.
type Route struct {
	Net     netip.Prefix // the destination; not valid where Host has it
	Host    string       // a name to resolve, or one of the special names
	Bits    int          // of Host: the network's prefix length
	IPv6    bool         // route-ipv6
	Gateway Gateway
	Metric  int // -1: the default, RouteMetric
	Pos     Pos
}

// Gateway is where a route leads: an address, a name, or one of the special
// names.
type Gateway struct {
	Kind GatewayKind
	Addr netip.Addr // GatewayAddr
	Host string     // GatewayHost: to be resolved
}

// GatewayKind is the kind of a route's gateway.
type GatewayKind int

// The kinds of gateway: through the tunnel, past it, the server itself, a given
// address, or that of a name.
const (
	GatewayVPN GatewayKind = iota
	GatewayNet
	GatewayRemoteHost
	GatewayAddr
	GatewayHost
)

// SpecialHost is a name in a route that stands for an address of the
// connection.
type SpecialHost string

// The special names. Their forms for IPv6 (remote_host_ipv6) mean the same.
const (
	RemoteHost SpecialHost = "remote_host" // the server, as it is reached from outside
	VPNGateway SpecialHost = "vpn_gateway" // the gateway inside the tunnel
	NetGateway SpecialHost = "net_gateway" // this host's own default gateway
)

// Special returns the special name that is r's destination, "" for any other.
func (r Route) Special() SpecialHost { return special(r.Host) }

func special(s string) SpecialHost {
	switch s := SpecialHost(strings.TrimSuffix(s, "_ipv6")); s {
	case RemoteHost, VPNGateway, NetGateway:
		return s
	}
	return ""
}

// RedirectGateway is the flags of `redirect-gateway` or `redirect-private`.
type RedirectGateway struct {
	Private      bool // redirect-private: no default route
	Local        bool
	IPv6, NoIPv4 bool
	BlockLocal   bool
}

// DNS is what `dns` and `dhcp-option` say together.
type DNS struct {
	Servers       []DNSServer // by `dns server`, priority order
	SearchDomains []string
	Addrs         []netip.Addr // by dhcp-option DNS, DNS6
	Domain        string       // by dhcp-option DOMAIN
	RouteDomains  []string     // by dhcp-option DOMAIN-ROUTE: those to ask Addrs for; none: all
	NTP, WINS     []netip.Addr
	NBDD          []netip.Addr // NetBIOS datagram distribution
	NBT           int          // NetBIOS node type: 1, 2, 4, 8; 0: not given
	NBS           string       // NetBIOS scope
	DisableNBT    bool
	Options       []string // each dhcp-option as it was written, for programs
}

// DNSServer is one `dns server N`.
type DNSServer struct {
	Priority       int
	Addrs          []netip.AddrPort // port 0: the default
	ResolveDomains []string

	// What only programs are told; "" if not said.
	DNSSEC    string // yes, optional or no
	Transport string // plain, DoT or DoH
	SNI       string
}

// PullFilter is one `pull-filter`: what becomes of pushed options that begin
// with Text.
type PullFilter struct {
	Action string // "accept", "ignore", "reject"
	Text   string
}
