package userstack

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Access says what clients may reach around this host. They may never reach what
// belongs to this host alone: loopback and link-local addresses, and the addresses
// where clouds tell a machine who it is and which keys it has.
type Access struct {
	// LAN lets clients reach the networks of this host's interfaces, and this
	// host's own addresses there.
	LAN bool
	// Own lets clients reach this host's own addresses and nothing else, as on a
	// host that is no router. LAN, Networks and DNS have no effect then.
	Own bool
	// Networks are networks that clients may always reach: those that the server
	// tells them to route through the tunnel.
	Networks []netip.Prefix
	// DNS are servers that clients may always ask, at the ports of DNS.
	DNS []netip.Addr
	// Interfaces lists the addresses of this host's interfaces, each with the
	// prefix of its network. Nil means the system's.
	Interfaces func() []netip.Prefix
}

// metadata lists where clouds tell a machine about itself, apart from link-local
// addresses: by the documentation of AWS (IPv6), Google (IPv6), Alibaba, Azure,
// Oracle and Scaleway (IPv6).
var metadata = prefixes("fd00:ec2::/32", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:42::42/128")

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")    // RFC 1122: this host
	nat64       = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052: IPv4 addresses
)

// Ports of DNS: RFC 1035, RFC 7858.
var dnsPorts = []uint16{53, 853}

// interfacesAge is how long the list of this host's interfaces is believed.
const interfacesAge = 5 * time.Second

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

// refusal is why clients may not reach a destination, "" if they may.
type refusal string

const (
	refusedHost     refusal = "it is this host's alone, or names no single host"
	refusedMetadata refusal = "it is where a cloud tells machines their secrets"
	refusedLAN      refusal = "it is in a network of this host's own"
	refusedBeyond   refusal = "this host carries packets to its own addresses alone"
)

// gate applies an Access.
type gate struct {
	Access
	log *slog.Logger

	mu    sync.Mutex
	lan   []netip.Prefix
	asked time.Time
	told  map[refusal]bool
}

func newGate(a Access, log *slog.Logger) *gate {
	if a.Interfaces == nil {
		a.Interfaces = interfaces
	}
	return &gate{Access: a, log: log, told: make(map[refusal]bool)}
}

// pass reports whether clients may reach a destination. The first refusal of
// each kind is logged.
func (g *gate) pass(client netip.Addr, dst netip.AddrPort) bool {
	why := g.refuse(dst)
	if why != "" {
		g.tell(why, client, dst)
	}
	return why == ""
}

func (g *gate) refuse(dst netip.AddrPort) refusal {
	a := dst.Addr().Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a, _ = netip.AddrFromSlice(b[12:])
	}
	has := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case !reachable(a):
		return refusedHost
	case slices.ContainsFunc(metadata, has):
		return refusedMetadata
	case g.Own && !slices.ContainsFunc(g.networks(), func(p netip.Prefix) bool { return p.Addr() == a }):
		return refusedBeyond
	case g.Own || g.LAN || slices.ContainsFunc(g.Networks, has) || slices.Contains(g.DNS, a) && slices.Contains(dnsPorts, dst.Port()):
		return ""
	case slices.ContainsFunc(g.networks(), has):
		return refusedLAN
	}
	return ""
}

// reachable reports whether clients may reach an address: a unicast address
// that does not name this host or its link.
func reachable(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsLoopback() && !a.IsLinkLocalUnicast() && !isGroup(a) && !a.IsUnspecified() && !thisNetwork.Contains(a)
}

// isGroup reports whether an address names several hosts.
func isGroup(a netip.Addr) bool {
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// networks returns this host's addresses, each with the prefix of its network. It
// seldom asks the system.
func (g *gate) networks() []netip.Prefix {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Now(); g.asked.IsZero() || now.Sub(g.asked) > interfacesAge {
		g.lan, g.asked = g.Interfaces(), now
	}
	return g.lan
}

func (g *gate) tell(why refusal, client netip.Addr, dst netip.AddrPort) {
	g.mu.Lock()
	told := g.told[why]
	g.told[why] = true
	g.mu.Unlock()
	if told {
		return
	}
	mend := "nothing opens it to clients"
	switch why {
	case refusedBeyond:
		mend = "run this host with a device and routes to lead further"
	case refusedLAN:
		mend = "to open all of them, add the line `allow-lan` (or --allow-lan); to open one, push a `route` to it"
	}
	g.log.Warn("a client may not reach a destination: "+string(why)+"; "+mend+"; further refusals are not logged", "client", client, "destination", dst)
}

// interfaces asks the system. It leaves out networks of no bits, which are default
// routes and say nothing.
func interfaces() (list []netip.Prefix) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Bits() > 0 {
			list = append(list, p)
		}
	}
	return list
}
