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
	Role    string            `json:"role" doc:"server, client or p2p"`
	Adapter string            `json:"adapter" doc:"the tunnel's adapter"`
	Since   time.Time         `json:"since" doc:"when it was opened"`
	Peers   []Peer            `json:"peers" doc:"who is connected, or is connecting"`
	Drops   map[string]uint64 `json:"drops" doc:"packets that were dropped since the tunnel began, by reason"`
	Lists   []string          `json:"revocation_lists,omitempty" doc:"files of revocation lists that a server reads again when they change"`
	// Endings counts a server's clients whose certificates end soon; nil: that is not known,
	// as for a server without a directory.
	Endings *Endings `json:"certificates_ending,omitempty" doc:"a server's clients whose certificates end soon; absent where that is not known"`
	Chosen  *Chosen  `json:"chosen,omitempty" doc:"what a client leads into the tunnel or past it; absent where all goes by the routes"`
	Marked  uint64   `json:"marked,omitempty" doc:"packets that were marked for congestion (ECN) instead of dropped"`
	Queue   *Queue   `json:"queue,omitempty" doc:"what waits for the tunnel; absent where all waits in the kernel"`
	Records []Record `json:"records,omitempty" doc:"how what a server keeps and tells of its sessions fares; absent where it does neither"`
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
	In30  int `json:"within_30_days" doc:"clients whose certificates end within 30 days"`
	In14  int `json:"within_14_days" doc:"those of them whose certificates end within 14 days"`
	In7   int `json:"within_7_days" doc:"those of them whose certificates end within 7 days"`
	Ready int `json:"profiles_ready" doc:"for how many of them the next profile waits to be handed over"`
}

// Peer is one that is connected, or is connecting. Bytes are those of the data
// channel, from and to the peer.
type Peer struct {
	// Number is this peer's alone while a server runs. See Backend.Disconnect.
	Number     uint64       `json:"-"`
	Name       string       `json:"name" doc:"its name: that of its certificate, most often"`
	User       string       `json:"user,omitempty" doc:"the user name with which it logged in"`
	Connecting bool         `json:"connecting,omitempty" doc:"it is not in yet"`
	PeerID     *wire.PeerID `json:"peer_id,omitempty" doc:"the number by which a server's client is known in data packets, from 0 to 16777215"`
	Remote     string       `json:"remote" doc:"its outer address and port, or what is known of it"`
	IPv4       netip.Addr   `json:"ipv4,omitzero" doc:"the IPv4 address in the tunnel: the client's with a server, else this end's"`
	IPv6       netip.Addr   `json:"ipv6,omitzero" doc:"the IPv6 address in the tunnel: the client's with a server, else this end's"`
	Cipher     string       `json:"cipher,omitempty" doc:"the cipher of the data channel, such as AES-256-GCM"`
	Serial     string       `json:"serial,omitempty" doc:"the serial number of its certificate, in hex"`
	Since      time.Time    `json:"since,omitzero" doc:"when its session began"`
	LastHeard  time.Time    `json:"last_heard,omitzero" doc:"when the last authentic packet came from it"`
	BytesIn    uint64       `json:"bytes_in" doc:"bytes of the data channel that came from it"`
	BytesOut   uint64       `json:"bytes_out" doc:"bytes of the data channel that went to it"`
	PacketsIn  uint64       `json:"packets_in,omitempty" doc:"packets of the inner network that came from it"`
	PacketsOut uint64       `json:"packets_out,omitempty" doc:"packets of the inner network that went to it"`
	KeptFor    []netip.Addr `json:"kept_for,omitempty" doc:"addresses of the adapter from which connections are open: it is a server that this client has left but for those"`
	Path       *Path        `json:"path,omitempty" doc:"what was measured of the path to it; absent where nothing is yet, or there is nothing to measure"`
}

// Chosen is what uses a client's tunnel alone, and what stays outside, in the words of
// `route-only` and `route-except`.
type Chosen struct {
	Only      []string `json:"only,omitempty" doc:"what alone uses the tunnel, in the words of route-only"`
	Except    []string `json:"except,omitempty" doc:"what stays outside of it, in the words of route-except"`
	Addresses int      `json:"addresses,omitempty" doc:"how many addresses of chosen names are known, and count"`
	Trouble   string   `json:"trouble,omitempty" doc:"why the last addresses could not be learned; absent where they were"`
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
