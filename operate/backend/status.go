package backend

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/internal/printable"
	"culvert/session/wire"
)

// Status is a running tunnel at one moment. Its JSON is what the API of manage serves.
type Status struct {
	Role    string            `json:"role"` // server, client or p2p
	Adapter string            `json:"adapter"`
	Since   time.Time         `json:"since"`
	Peers   []Peer            `json:"peers"`
	Drops   map[string]uint64 `json:"drops"` // packets, by reason
	// Lists are the files of revocation lists that a server reads again when
	// they change.
	Lists []string `json:"revocation_lists,omitempty"`
	// Endings counts a server's clients whose certificates end soon; nil: that is not known,
	// as for a server without a directory.
	Endings *Endings `json:"certificates_ending,omitempty"`
	// Chosen is what a client leads into the tunnel or past it; nil: all goes by the routes.
	Chosen *Chosen `json:"chosen,omitempty"`
	// Marked counts packets that were marked for congestion (ECN) instead of dropped.
	Marked uint64 `json:"marked,omitempty"`
}

// Endings counts clients, connected or not, whose certificates end soon and that were not
// given others. Those within 14 and 7 days are counted within 30, too.
type Endings struct {
	In30 int `json:"within_30_days"`
	In14 int `json:"within_14_days"`
	In7  int `json:"within_7_days"`
	// Ready is for how many of them the next profile waits to be handed over.
	Ready int `json:"profiles_ready"`
}

// append appends a line, if there are any.
func (e *Endings) append(b []byte) []byte {
	if e == nil || e.In30 == 0 {
		return b
	}
	return fmt.Appendf(b, "certificates that end: %d within 30 days, %d within 14, %d within 7; next profiles that wait to be handed over: %d (culvert authority show)\n", e.In30, e.In14, e.In7, e.Ready)
}

// Peer is one that is connected, or is connecting. Bytes are those of the data
// channel, from and to the peer.
type Peer struct {
	// Number is this peer's alone while a server runs. See Backend.Disconnect.
	Number     uint64       `json:"-"`
	Name       string       `json:"name"`
	User       string       `json:"user,omitempty"`
	Connecting bool         `json:"connecting,omitempty"` // not in yet
	PeerID     *wire.PeerID `json:"peer_id,omitempty"`    // of a server's client
	Remote     string       `json:"remote"`
	IPv4       netip.Addr   `json:"ipv4,omitzero"`
	IPv6       netip.Addr   `json:"ipv6,omitzero"`
	Cipher     string       `json:"cipher,omitempty"` // of the data channel
	Serial     string       `json:"serial,omitempty"` // of its certificate, in hex
	Since      time.Time    `json:"since,omitzero"`
	LastHeard  time.Time    `json:"last_heard,omitzero"` // the last authentic packet from it
	BytesIn    uint64       `json:"bytes_in"`
	BytesOut   uint64       `json:"bytes_out"`
	// KeptFor are addresses of the adapter. This is a server that a client has left, except for
	// the connections that are open from there.
	KeptFor []netip.Addr `json:"kept_for,omitempty"`
	Path    *Path        `json:"path,omitempty"` // nil: not measured yet, or there is nothing to measure
}

// append appends the peer as a line of text.
func (p *Peer) append(b []byte, now time.Time) []byte {
	b = fmt.Appendf(b, "  %s", printable.Name(p.Name))
	if p.User != "" && p.User != p.Name {
		b = fmt.Appendf(b, "  user %s", printable.Name(p.User))
	}
	b = fmt.Appendf(b, "  %s", p.Remote)
	if p.Connecting {
		b = append(b, "  connecting"...)
	}
	for _, a := range []netip.Addr{p.IPv4, p.IPv6} {
		if a.IsValid() {
			b = fmt.Appendf(b, "  %v", a)
		}
	}
	b = fmt.Appendf(b, "  %d bytes in, %d out", p.BytesIn, p.BytesOut)
	if p.Cipher != "" {
		b = fmt.Appendf(b, "  %s", p.Cipher)
	}
	if !p.LastHeard.IsZero() {
		b = fmt.Appendf(b, "  heard %v ago", max(0, now.Sub(p.LastHeard)).Round(time.Second))
	}
	if p.Path != nil {
		b = fmt.Appendf(b, "  %v", p.Path)
	}
	if len(p.KeptFor) > 0 {
		b = fmt.Appendf(b, "  kept for what is open from %v", p.KeptFor[0])
		for _, a := range p.KeptFor[1:] {
			b = fmt.Appendf(b, " and %v", a)
		}
	}
	if p.PeerID != nil {
		b = fmt.Appendf(b, "  peer-id %d", *p.PeerID)
	}
	return append(b, '\n')
}

// Chosen is what uses a client's tunnel alone, and what stays outside, in the words of
// `route-only` and `route-except`.
type Chosen struct {
	Only   []string `json:"only,omitempty"`
	Except []string `json:"except,omitempty"`
	// Addresses is how many addresses of chosen names are known and count.
	Addresses int `json:"addresses,omitempty"`
	// Trouble is why the last ones could not be learned; "": they were.
	Trouble string `json:"trouble,omitempty"`
}

func (c *Chosen) append(b []byte) []byte {
	for _, side := range []struct {
		word string
		list []string
	}{{"only", c.Only}, {"except", c.Except}} {
		if len(side.list) > 0 {
			b = fmt.Appendf(b, "%s: %s\n", side.word, strings.Join(side.list, ", "))
		}
	}
	if c.Addresses > 0 || c.Trouble != "" {
		b = fmt.Appendf(b, "addresses of chosen names: %d", c.Addresses)
		if c.Trouble != "" {
			b = fmt.Appendf(b, "; the last ones were not learned: %s", c.Trouble)
		}
		b = append(b, '\n')
	}
	return b
}

// connecting is how many of the peers are not in yet.
func (s *Status) connecting() (n int) {
	for _, p := range s.Peers {
		if p.Connecting {
			n++
		}
	}
	return n
}

// Health is nil if the tunnel works: a server takes clients, and a client or a paired
// host is connected.
func (s *Status) Health() error {
	if s.Role == "server" || len(s.Peers) > s.connecting() {
		return nil
	}
	if len(s.Peers) == 0 {
		return errors.New("not connected")
	}
	return fmt.Errorf("not connected: connecting to %s", s.Peers[0].Remote)
}

// Append appends the status as text, as it is at a time.
func (s *Status) Append(b []byte, now time.Time) []byte {
	b = fmt.Appendf(b, "%s on %s, up %v\n", s.Role, s.Adapter, now.Sub(s.Since).Round(time.Second))
	n := s.connecting()
	b = fmt.Appendf(b, "peers: %d", len(s.Peers)-n)
	if n > 0 {
		b = fmt.Appendf(b, ", and %d connecting", n)
	}
	b = append(b, '\n')
	for _, p := range s.Peers {
		b = p.append(b, now)
	}
	if s.Chosen != nil {
		b = s.Chosen.append(b)
	}
	b = s.Endings.append(b)
	if s.Marked > 0 {
		b = fmt.Appendf(b, "marked for congestion (ECN): %d packets\n", s.Marked)
	}
	if len(s.Drops) == 0 {
		return append(b, "dropped: nothing\n"...)
	}
	b = append(b, "dropped, in packets:\n"...)
	reasons := slices.SortedFunc(maps.Keys(s.Drops), func(x, y string) int { return cmp.Compare(s.Drops[y], s.Drops[x]) })
	for _, reason := range reasons {
		b = fmt.Appendf(b, "%8d  %s\n", s.Drops[reason], reason)
	}
	return b
}
