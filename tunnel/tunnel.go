// Package tunnel is the road that packets take between a virtual adapter and the
// network: outbound.go from adapter to link, inbound.go from link to adapter. All
// roles use the same road. Where they differ, such as which peer a packet belongs
// to, the road asks them through Role.
package tunnel

import (
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
)

// batchSize is how many packets are carried at once at most.
const batchSize = 128

// Role is where a client and a server differ. Its methods are called for every
// packet, from several goroutines, and must not block.
type Role interface {
	// Route names the peers that should get an outbound packet.
	Route(now time.Time, p *buf.Packet, to *Receivers) Drop
	// Demultiplex finds the peer that sent a packet of the data channel.
	Demultiplex(l link.Link, p *buf.Packet) (*Peer, Drop)
	// Control takes a packet of the control channel, and must copy it to
	// keep it.
	Control(l link.Link, p *buf.Packet)
	// Forward decides whether a peer may send a packet, and names who gets
	// it: the adapter, other peers, or both.
	Forward(now time.Time, from *Peer, p *buf.Packet, to *Receivers) Drop
	// Moved is called when an authentic packet of the peer came by another path
	// than the previous one.
	Moved(p *Peer, path buf.Path)
}

// Road is what both directions share.
type Road struct {
	Role     Role
	Counters Counters
	// Adapter returns where inbound packets go; while it returns nil they are
	// dropped.
	Adapter func() nic.NIC
	// Ethernet is true where packets are Ethernet frames (TAP).
	Ethernet bool
	// Headless is true where packets have no opcode and all belong to the
	// data channel, as with a static key.
	Headless bool
	// PacketSize is the largest packet of adapter or link, in bytes.
	PacketSize int
	// Observer watches packets.
	Observer Watched
	// OnPath, if not nil, is called when the path to a peer turns out to carry only
	// IP packets of at most mtu bytes, and so inner packets of at most inner bytes.
	OnPath func(p *Peer, mtu, inner int)
	// OnError, if not nil, is called for temporary errors, such as a refusal by the
	// peer's host.
	OnError func(error)
	// OnFailing, if not nil, is called once when an adapter or a link, named by
	// what, fails again and again: before the road begins to pause between tries.
	OnFailing func(what string, err error)

	// Several links may write to one queue of the adapter.
	delivering [maxQueues]struct {
		sync.Mutex
		_ [56]byte // to the end of the cache line
	}
	single  atomic.Uint32 // number of links without queues so far
	special atomic.Pointer[Special]
}

// maxQueues bounds how many queues of a link or an adapter are kept apart.
const maxQueues = 64
