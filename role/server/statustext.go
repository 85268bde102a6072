package server

import (
	"bytes"
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"culvert/access"
	"culvert/internal/version"
)

// The columns of the client list and of the routing table. Version 1 has some of
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

// statusTable collects lines of fields.
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

// clean makes sure that a field, whose text may come from a client, is not read as two
// fields or lines, steers no terminal, and changes no direction of writing there.
func (t *statusTable) clean(field string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) || string(r) == t.separator {
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
	t.line("TITLE", version.Current().Title())
	t.line("TIME", clock(now), unix(now))
	t.line(append([]string{"HEADER", "CLIENT_LIST"}, clientColumns...)...)
	for _, c := range clients {
		t.line("CLIENT_LIST", c.Name, realAddress(c.Remote), address(c.IPv4), address(c.IPv6), number(c.BytesIn), number(c.BytesOut),
			clock(c.Since), unix(c.Since), cmp.Or(c.Username, access.Nameless), number(c.ID), strconv.Itoa(int(c.PeerID)), c.Cipher)
	}
	t.line(append([]string{"HEADER", "ROUTING_TABLE"}, routeColumns...)...)
	t.routes(clients, func(fields []string) { t.line(append([]string{"ROUTING_TABLE"}, fields...)...) })
	t.line("GLOBAL_STATS", "Max bcast/mcast queue length", "0")
	t.line("GLOBAL_STATS", "dco_enabled", "0")
}

// routes calls row for each inner address and each network behind a client.
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
		for _, n := range c.Networks {
			row([]string{n.String(), c.Name, realAddress(c.Remote), clock(c.LastRef), unix(c.LastRef)})
		}
	}
}

// realAddress writes an address as OpenVPN does: with the port for IPv4 only.
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
