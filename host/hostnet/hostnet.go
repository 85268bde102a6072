// Package hostnet changes the network of this host: addresses, routes, names
// and address translation. What is wanted is declared as a State; a plan is
// the difference to what is, readable as text; applying it writes an undo
// journal first, so that the change is taken back on exit, and by the next
// start (or Cleanup) when the process was killed. Until then the State is kept:
// what the host loses of it is put back.
package hostnet

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
)

// State is what the host should look like while a tunnel is up.
type State struct {
	Device     string    // the adapter's name
	MTU        int       // bytes; 0 leaves it
	TxQueueLen int       // packets; 0 leaves it
	LLAddr     string    // MAC address of an Ethernet adapter, six bytes with colons; "" leaves it
	Addresses  []Address // of the adapter
	Routes     []Route   // more than those that follow from Addresses
	Advertised bool      // take the routes in router advertisements on the adapter (RFC 4191), if the kernel reads them
	BlockLocal bool      // lead the networks this host is on into the tunnel too, all but their gateways
	DNS        *DNS      // nil leaves names alone
	// BlockOutsideDNS lets no program of this host but this one ask other hosts for
	// names (port 53, on Linux 853, too), except through the adapter. Linux and Windows only;
	// on Linux, this program's own questions have OwnMark or Mark.
	BlockOutsideDNS bool
	Mark            uint32 // of this program's own packets, if not OwnMark; 0: none
	// Fenced lets packets to the adapter through the fences of this host (see Fence).
	Fenced  bool
	Forward *Forward // nil: this host is no router
	Chosen  *Chosen  // nil: the routes alone say what uses the tunnel

	also    []int    // routing tables to look at besides those of Routes
	ruled   bool     // look at the routing rules in any case
	numbers numbers  // for Chosen and Former
	learned *learned // for Chosen
	noMarks error    // why packets are not marked
	space   space    // where the device is, for Chosen
}

// Address is one address of the adapter.
type Address struct {
	Prefix netip.Prefix // address and prefix length
	Peer   netip.Addr   // point-to-point: the other end; else not valid
	// Former keeps an address, alone, for connections that are open from it. Where the
	// kernel can, new ones begin from another, and what leaves from it goes by the adapter,
	// wherever the routes lead (Linux).
	Former bool `json:",omitempty"`
}

// Route is one destination and the way to it.
type Route struct {
	Dst    netip.Prefix
	Via    netip.Addr // next hop; not valid: the adapter itself
	Device string     // "": State.Device. With Bypass, ignored
	Metric int
	Table  int // the routing table, from 1 to 4294967295 (Linux), wrapped where int has 32 bits; 0: the main one
	// Bypass sends Dst where the host's routes would lead without this State: for
	// the way to the server itself, and `net_gateway` routes. It follows those
	// routes when they change.
	Bypass bool
	// NetGateway, with Bypass, sends Dst by the host's default route, whatever
	// more special routes say (`net_gateway`).
	NetGateway bool
	// Refuse has packets to Dst answered as unreachable at once (Linux; elsewhere it leads
	// into the tunnel). OrRefuse does with Bypass where no way leads past the tunnel.
	Refuse, OrRefuse bool
}

// DNS says how to resolve names.
//
// On Linux it is handed to systemd-resolved over D-Bus if resolv.conf is its stub and
// it answers, on Windows to the adapter's settings, on macOS to configd as a service
// of its own. Otherwise resolv.conf is written in place, since in containers and
// network namespaces it is a bind mount that cannot be renamed over. resolvconf(8),
// resolvd(8) and NetworkManager are not asked. What
// they write later is what comes back at the end.
type DNS struct {
	Servers []netip.AddrPort // port 0: 53
	Search  []string         // search domains
	// Domains, if any, are the only ones asked through the tunnel (split
	// DNS), with "*." in front as in Learned. Where the host's resolver cannot do that, it is pointed at Local; without one,
	// Apply says so.
	Domains []string
	// Local is a resolver on this host that asks Servers for Domains, and for other names
	// those whom this host asked before (Resolvers). Not valid: there is none, for the
	// reason in NoLocal, "" for none.
	Local   netip.AddrPort
	NoLocal string
	// Learned are the domains whose addresses Local learns, so it has to see the questions
	// for them, whatever the host's resolver can do; for all names, if there are no Domains.
	// Outside are those that it asks for as this host did before, though they may be in
	// Domains or these be none. With "*." in front, a domain is only what is below it.
	Learned, Outside []string
}

// Forward makes this host a router between the adapter and the rest.
type Forward struct {
	IPv4, IPv6 bool
	// Masquerade are the inner networks whose packets leave with this
	// host's own address.
	Masquerade []netip.Prefix
	// Apart keeps those behind the adapter from each other, and from those
	// behind other adapters that this package makes their host a router for.
	Apart bool
}

// Options say where this package keeps its own things.
type Options struct {
	StateDir   string       // directory of the undo journals; "": DefaultStateDir
	ResolvConf string       // the resolver's file; "": /etc/resolv.conf
	Logger     *slog.Logger // gets each change; nil: none
}

// Cleanup is the command line that does Cleanup with these Options.
func (o Options) Cleanup() string {
	if o.StateDir == "" || o.StateDir == DefaultStateDir {
		return "culvert cleanup"
	}
	return "culvert cleanup --state-dir " + o.StateDir
}

func (o Options) filled() Options {
	if o.StateDir == "" {
		o.StateDir = DefaultStateDir
	}
	if o.ResolvConf == "" {
		o.ResolvConf = "/etc/resolv.conf"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// check refuses a State that no host can be brought to.
func (s State) check() error {
	if s.Device == "" || s.Device == "." || s.Device == ".." || strings.ContainsAny(s.Device, "/ \t\n\x00") {
		return fmt.Errorf("device name %q: expected the name of a network adapter, such as tun0", s.Device)
	}
	if s.MTU < 0 || s.TxQueueLen < 0 {
		return fmt.Errorf("device %s: MTU %d and queue length %d must not be negative", s.Device, s.MTU, s.TxQueueLen)
	}
	if hw, err := net.ParseMAC(s.LLAddr); s.LLAddr != "" && (err != nil || len(hw) != 6) {
		return fmt.Errorf("device %s: MAC address %q: expected six bytes such as 02:00:5e:10:00:01", s.Device, s.LLAddr)
	}
	var errs []error
	for _, a := range s.Addresses {
		if !a.Prefix.IsValid() {
			errs = append(errs, fmt.Errorf("device %s: an address without value or prefix length", s.Device))
		}
	}
	for _, r := range s.Routes {
		if !r.Dst.IsValid() {
			errs = append(errs, fmt.Errorf("device %s: a route without destination", s.Device))
		}
	}
	return errors.Join(errs...)
}
