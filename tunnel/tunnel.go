// Package tunnel is the road packets take between a virtual adapter and the
// network: outbound.go from adapter to link, inbound.go from link to adapter.
// Both roles use it alike; what differs, whose packet it is, they answer
// through Role.
package tunnel

import (
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
)

// batchSize is how many packets are carried at once.
const batchSize = 128

// Role is what a client and a server do differently. Its methods are called
// for every packet, from several goroutines, and must not block.
type Role interface {
	// Route names the peers that an outbound packet is for.
	Route(now time.Time, p *buf.Packet, to *Receivers) Drop
	// Demultiplex finds the peer that a packet of the data channel is from.
	Demultiplex(l link.Link, p *buf.Packet) (*Peer, Drop)
	// Control takes a packet of the control channel, and must copy it to
	// keep it.
	Control(l link.Link, p *buf.Packet)
	// Forward decides about a packet that a peer sent, and names who gets it:
	// the adapter, other peers, or both.
	Forward(now time.Time, from *Peer, p *buf.Packet, to *Receivers) Drop
	// Moved is told that a packet of the peer, found to be authentic, came
	// by another path than the last.
	Moved(p *Peer, path buf.Path)
}

// Road is what both directions share.
type Road struct {
	Role     Role
	Counters Counters
	// Adapter is where inbound packets go; nil drops them until there is
	// one.
	Adapter func() nic.NIC
	// Ethernet says that packets are frames (TAP).
	Ethernet bool
	// Headless says that packets have no opcode and all are of the data
	// channel, as with a static key.
	Headless bool
	// PacketSize is the largest packet of adapter or link, in bytes.
	PacketSize int
	// Observer watches the packets.
	Observer Watched
	// OnPath, if not nil, is told when the path to a peer was found to carry IP
	// packets of mtu bytes at most, and so no packets inside longer than inner.
	OnPath func(p *Peer, mtu, inner int)
	// OnError is told of errors that pass, such as a refusal by the peer's
	// host; nil ignores them.
	OnError func(error)
	// OnFailing, if not nil, is told of an adapter or a link, as what names it,
	// that fails again and again: once, before the road begins to pause between
	// tries.
	OnFailing func(what string, err error)

	// Several links may write to one queue of the adapter.
	delivering [maxQueues]struct {
		sync.Mutex
		_ [56]byte // to the end of the cache line
	}
	single atomic.Uint32 // links without queues so far
}

// maxQueues bounds the queues of a link or an adapter that are told apart.
const maxQueues = 64
