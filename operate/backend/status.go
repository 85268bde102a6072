package backend

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

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
	// Queue is what waits for the tunnel; nil where all waits in the kernel.
	Queue *Queue `json:"queue,omitempty"`
	// Records is how what a server keeps and tells of its sessions fares; nil: it does neither.
	Records []Record `json:"records,omitempty"`
}

// Queue is how many packets and super-packets have been read from the adapter's device and
// wait for their turn, and how many may.
type Queue struct {
	Waiting uint64 `json:"waiting" doc:"packets and super-packets that the last batch left waiting"`
	Room    uint64 `json:"room" doc:"how many may wait"`
}

// Record is how one of what a server keeps and tells of its sessions fares.
type Record struct {
	Name    string `json:"name" doc:"history, accounting-log, accounting-radius or traces"`
	Lost    uint64 `json:"lost" doc:"what was never written or told, since this process began"`
	Trouble string `json:"trouble,omitempty" doc:"why nothing can be written or told now"`
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
	PacketsIn  uint64       `json:"packets_in,omitempty"` // of the inner network
	PacketsOut uint64       `json:"packets_out,omitempty"`
	// KeptFor are addresses of the adapter. This is a server that a client has left, except for
	// the connections that are open from there.
	KeptFor []netip.Addr `json:"kept_for,omitempty"`
	Path    *Path        `json:"path,omitempty"` // nil: not measured yet, or there is nothing to measure
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
