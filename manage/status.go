package manage

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wire"
)

// StatusPath is where a process is asked for its Status, by GET.
const StatusPath = "/status"

// Status is a running tunnel at one moment.
type Status struct {
	Role    string            `json:"role"` // server, client or p2p
	Adapter string            `json:"adapter"`
	Since   time.Time         `json:"since"`
	Peers   []Peer            `json:"peers"`
	Drops   map[string]uint64 `json:"drops"` // packets, by reason
	// Marked is packets that were told of congestion where others are dropped.
	Marked uint64 `json:"marked,omitempty"`
}

// Peer is one that is connected. Bytes are those of the data channel, from and
// to the peer.
type Peer struct {
	Name     string       `json:"name"`
	PeerID   *wire.PeerID `json:"peer_id,omitempty"` // of a server's client
	Remote   string       `json:"remote"`
	IPv4     netip.Addr   `json:"ipv4,omitzero"`
	IPv6     netip.Addr   `json:"ipv6,omitzero"`
	Since    time.Time    `json:"since,omitzero"`
	BytesIn  uint64       `json:"bytes_in"`
	BytesOut uint64       `json:"bytes_out"`
}

// Append appends the status as text, as it is at a time.
func (s *Status) Append(b []byte, now time.Time) []byte {
	b = fmt.Appendf(b, "%s on %s, up %v\n", s.Role, s.Adapter, now.Sub(s.Since).Round(time.Second))
	b = fmt.Appendf(b, "peers: %d\n", len(s.Peers))
	for _, p := range s.Peers {
		b = fmt.Appendf(b, "  %s  %s", negotiate.Printable(p.Name), p.Remote)
		for _, a := range []netip.Addr{p.IPv4, p.IPv6} {
			if a.IsValid() {
				b = fmt.Appendf(b, "  %v", a)
			}
		}
		b = fmt.Appendf(b, "  %d bytes in, %d out", p.BytesIn, p.BytesOut)
		if p.PeerID != nil {
			b = fmt.Appendf(b, "  peer-id %d", *p.PeerID)
		}
		b = append(b, '\n')
	}
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
