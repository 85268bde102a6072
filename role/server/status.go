package server

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"culvert/access"
	"culvert/session/wire"
	"culvert/tunnel"
)

// ClientStatus is one client that is in, at one moment.
type ClientStatus struct {
	ID             uint64 // its number on this server, which no other client has had
	PeerID         wire.PeerID
	Connecting     bool   // it is not in yet; it has neither peer-id, addresses nor cipher
	Name           string // "UNDEF" until it is known
	Username       string // "" for none
	Serial         string // of its certificate, in hex; "" without
	Agent          string // version and platform
	Remote         netip.AddrPort
	IPv4, IPv6     netip.Addr // not valid: none
	Cipher         string
	Since, LastRef time.Time // when it came; when a packet was last seen, as of the last snapshots
	LastHeard      time.Time // the last authentic packet from it, of either channel
	// BytesIn and BytesOut are the bytes received from and sent to the client
	// in packets of the data channel, their framing included.
	BytesIn, BytesOut uint64
	// PacketsIn and PacketsOut are packets of the inner network.
	PacketsIn, PacketsOut uint64
	// Path is what was measured of the path to the client, if Found says so.
	Path  tunnel.PathFound
	Found bool
	// Networks are those behind the client that lead to it (iroute).
	Networks []netip.Prefix
	// Stations are the MAC addresses behind the client with dev tap, when the
	// routing table has them instead of IP addresses; else nil.
	Stations []Station
}

// Station is an Ethernet address behind a client: MAC@VLAN, as OpenVPN has it.
type Station struct {
	Address string
	LastRef time.Time
}

// usage remembers, from one snapshot to the next, when a client last had packets.
type usage struct {
	mu      sync.Mutex
	packets uint64
	last    time.Time
}

func (u *usage) seen(now, since time.Time, packets uint64) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last.IsZero() {
		u.last = since
	}
	if packets != u.packets {
		u.packets, u.last = packets, now
	}
	return u.last
}

// in returns the clients that are in, in the order they came. Those that are shut out, and
// linger until they have been told, are not.
func (r *roster) in(now time.Time) (list []ClientStatus) {
	var stations map[*client][]Station
	if r.ether != nil {
		stations = r.ether.stations(now)
	}
	for _, c := range r.table.established() {
		if c.shut.Load() {
			continue
		}
		status := c.status(now)
		status.Networks = r.networks(c)
		if r.ether != nil {
			status.Stations = append([]Station{}, stations[c]...)
		}
		list = append(list, status)
	}
	sortClients(list)
	return list
}

// networks returns those behind a client that is in. Another that came later may have
// taken one over.
func (r *roster) networks(c *client) (list []netip.Prefix) {
	for _, l := range c.learnt {
		if a := l.prefix.Addr(); a != c.lease.IPv4 && a != c.lease.IPv6 && r.table.owner(l.prefix) == c {
			list = append(list, l.prefix)
		}
	}
	return list
}

// everybody returns the clients that are in and those that are connecting, in the
// order they came.
func (r *roster) everybody(now time.Time) []ClientStatus {
	list := r.in(now)
	known := make(map[uint64]bool, len(list))
	for _, c := range list {
		known[c.ID] = true
	}
	for _, c := range r.table.all() {
		if !known[c.number] && !c.shut.Load() {
			list = append(list, c.connecting())
		}
	}
	sortClients(list)
	return list
}

func sortClients(list []ClientStatus) {
	slices.SortFunc(list, func(a, b ClientStatus) int { return cmp.Compare(a.ID, b.ID) })
}

// connecting returns the status of a client that is not in yet.
func (c *client) connecting() ClientStatus {
	id := c.visit.Identity()
	name := id.Name
	if name == "" {
		name = access.Nameless
	}
	return ClientStatus{
		ID: c.number, PeerID: wire.PeerIDUnset, Connecting: true, Name: name, Username: id.User, Agent: id.Agent, Serial: id.Serial,
		Remote: c.Path().Remote, Since: c.since, LastHeard: c.Data.LastReceived(),
	}
}

// status returns the status of a client that is in.
func (c *client) status(now time.Time) ClientStatus {
	s := c.connecting()
	in, out := c.Counters.InPackets.Load(), c.Counters.OutPackets.Load()
	s.Connecting, s.PeerID, s.Cipher = false, c.id, c.cipher
	s.IPv4, s.IPv6 = c.lease.IPv4, c.lease.IPv6
	s.Path, s.Found = c.Found()
	s.PacketsIn, s.PacketsOut = in, out
	s.LastRef = c.usage.seen(now, c.since, in+out)
	s.BytesIn, s.BytesOut = c.Counters.LinkIn.Load(), c.Counters.LinkOut.Load()
	return s
}
