package server

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"culvert/role/profile"
	"culvert/session/wire"
)

// ClientStatus is one client that is in, at one moment.
type ClientStatus struct {
	ID             uint64 // its number on this server, which no other client has had
	PeerID         wire.PeerID
	Connecting     bool   // it is not in yet; it has neither peer-id, addresses nor cipher
	Name           string // "UNDEF" before it has said
	Username       string // "" without
	Serial         string // of its certificate, in hex; "" without
	Agent          string // version and platform
	Remote         netip.AddrPort
	IPv4, IPv6     netip.Addr // not valid: none
	Cipher         string
	Since, LastRef time.Time // it came; a packet seen, as exact as snapshots are frequent
	LastHeard      time.Time // the last authentic packet from it, of either channel
	// BytesIn and BytesOut are the bytes received from and sent to the client
	// in packets of the data channel, their framing included.
	BytesIn, BytesOut uint64
	// Stations are the MAC addresses behind the client with dev tap, where they
	// take the place of IP addresses in the routing table; else nil.
	Stations []Station
}

// Station is an Ethernet address behind a client: MAC@VLAN, as OpenVPN has it.
type Station struct {
	Address string
	LastRef time.Time
}

// usage notes when a client last had packets, from one snapshot to the next.
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

// Clients are the clients that are in, in the order they came.
func (s *Server) Clients() []ClientStatus {
	now := time.Now()
	stations := s.stations(now)
	var list []ClientStatus
	for _, c := range s.table.established() {
		status := c.status(now)
		if s.segment != nil {
			status.Stations = append([]Station{}, stations[c]...)
		}
		list = append(list, status)
	}
	sortClients(list)
	return list
}

func sortClients(list []ClientStatus) {
	slices.SortFunc(list, func(a, b ClientStatus) int { return cmp.Compare(a.ID, b.ID) })
}

func (c *client) status(now time.Time) ClientStatus {
	w := c.who.Load()
	in, out := c.Counters.InPackets.Load(), c.Counters.OutPackets.Load()
	return ClientStatus{
		ID: c.number, PeerID: c.id, Name: w.name, Username: w.user, Serial: w.serial, Agent: w.agent, Remote: c.Path().Remote,
		IPv4: c.lease.IPv4, IPv6: c.lease.IPv6, Cipher: c.cipher,
		Since: c.since, LastRef: c.usage.seen(now, c.since, in+out), LastHeard: c.Data.LastReceived(),
		BytesIn: c.Counters.LinkIn.Load(), BytesOut: c.Counters.LinkOut.Load(),
	}
}

// Status is the state of the server in one of OpenVPN's formats (man page,
// --status-version): 1, 2 or 3.
func (s *Server) Status(version int) []byte {
	return formatStatus(time.Now(), version, s.Everybody())
}

// keepStatus writes the status file now, as often as `status` says, and, by
// the function it returns, at the end.
func (s *Server) keepStatus() (stop func()) {
	return profile.KeepStatus(s.cfg, s.log, func() []byte { return s.Status(s.cfg.Process.StatusVersion) })
}

// columns of the client list and of the routing table. Version 1 has some of
// them.
var (
	clientColumns1 = []string{"Common Name", "Real Address", "Bytes Received", "Bytes Sent", "Connected Since"}
	clientColumns  = []string{"Common Name", "Real Address", "Virtual Address", "Virtual IPv6 Address", "Bytes Received", "Bytes Sent",
		"Connected Since", "Connected Since (time_t)", "Username", "Client ID", "Peer ID", "Data Channel Cipher"}
	routeColumns = []string{"Virtual Address", "Common Name", "Real Address", "Last Ref", "Last Ref (time_t)"}
)

func formatStatus(now time.Time, version int, clients []ClientStatus) []byte {
	t := statusTable{separator: ","}
	if version == 3 {
		t.separator = "\t"
	}
	if version == 1 {
		t.version1(now, clients)
	} else {
		t.version2(now, clients)
	}
	t.line("END")
	return t.text.Bytes()
}

// statusTable is lines of fields.
type statusTable struct {
	text      bytes.Buffer
	separator string
}

func (t *statusTable) line(fields ...string) {
	for i, f := range fields {
		fields[i] = t.clean(f)
	}
	t.text.WriteString(strings.Join(fields, t.separator) + "\n")
}

// clean keeps a field, which a client may have named, from being read as two
// fields or lines.
func (t *statusTable) clean(field string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || string(r) == t.separator {
			return '_'
		}
		return r
	}, field)
}

func (t *statusTable) version1(now time.Time, clients []ClientStatus) {
	t.line("OpenVPN CLIENT LIST")
	t.line("Updated", clock(now))
	t.line(slices.Clone(clientColumns1)...)
	for _, c := range clients {
		t.line(c.Name, realAddress(c.Remote), number(c.BytesIn), number(c.BytesOut), clock(c.Since))
	}
	t.line("ROUTING TABLE")
	t.line(slices.Clone(routeColumns[:4])...)
	t.routes(clients, func(fields []string) { t.line(fields[:4]...) })
	t.line("GLOBAL STATS")
	t.line("Max bcast/mcast queue length", "0")
}

func (t *statusTable) version2(now time.Time, clients []ClientStatus) {
	t.line("TITLE", profile.Version+" "+runtime.GOOS+"/"+runtime.GOARCH)
	t.line("TIME", clock(now), unix(now))
	t.line(append([]string{"HEADER", "CLIENT_LIST"}, clientColumns...)...)
	for _, c := range clients {
		t.line("CLIENT_LIST", c.Name, realAddress(c.Remote), address(c.IPv4), address(c.IPv6), number(c.BytesIn), number(c.BytesOut),
			clock(c.Since), unix(c.Since), cmp.Or(c.Username, nameless), number(c.ID), strconv.Itoa(int(c.PeerID)), c.Cipher)
	}
	t.line(append([]string{"HEADER", "ROUTING_TABLE"}, routeColumns...)...)
	t.routes(clients, func(fields []string) { t.line(append([]string{"ROUTING_TABLE"}, fields...)...) })
	t.line("GLOBAL_STATS", "Max bcast/mcast queue length", "0")
	t.line("GLOBAL_STATS", "dco_enabled", "0")
}

// routes gives a row for each inner address.
func (t *statusTable) routes(clients []ClientStatus, row func([]string)) {
	for _, c := range clients {
		for _, s := range c.Stations {
			row([]string{s.Address, c.Name, realAddress(c.Remote), clock(s.LastRef), unix(s.LastRef)})
		}
		for _, a := range []netip.Addr{c.IPv4, c.IPv6} {
			if a.IsValid() && c.Stations == nil {
				row([]string{a.String(), c.Name, realAddress(c.Remote), clock(c.LastRef), unix(c.LastRef)})
			}
		}
	}
}

// realAddress has the port for IPv4 only, as OpenVPN writes it.
func realAddress(a netip.AddrPort) string {
	if a.Addr().Is4() {
		return a.String()
	}
	return a.Addr().WithZone("").String()
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func clock(t time.Time) string { return t.Format(time.DateTime) }

func unix(t time.Time) string { return fmt.Sprint(t.Unix()) }
