// Package nic is the contract of a virtual network adapter: what the operating
// system, or a TCP/IP stack of our own, sees as a network card, and what the
// tunnel reads packets from and writes packets to.
//
// Implementations: tuntap (devices of the kernel), userstack (TCP/IP in this
// process, no device and no root) and Null.
package nic

import (
	"culvert/internal/buf"
)

// Kind is what an adapter carries.
type Kind int

// The kinds.
const (
	IP       Kind = iota // IP packets (TUN)
	Ethernet             // Ethernet frames without checksum (TAP)
)

func (k Kind) String() string {
	if k == Ethernet {
		return "tap"
	}
	return "tun"
}

// Queued is an adapter of several queues, each with one reader and one writer. The
// system spreads outbound flows over all of them, so all must be read. It answers a
// flow through the queue to which the flow's packets are written. The queues have
// the adapter's name, and the adapter's Close closes them.
type Queued interface {
	NIC
	// Queues returns the same queues each time.
	Queues() []NIC
}

// Cable is an adapter of frames, such as a TAP device, that can show the host a
// pulled cable. Implementing it is optional.
type Cable interface {
	// SetCarrier sets whether a cable is plugged in.
	SetCarrier(on bool) error
}

// Queues returns the queues of an adapter: the adapter itself, if it has only one.
func Queues(n NIC) []NIC {
	if q, ok := n.(Queued); ok {
		return q.Queues()
	}
	return []NIC{n}
}

// Queue returns one of an adapter's queues, and its number. The number asked for
// may be larger than the number of queues.
func Queue(n NIC, number int) (NIC, int) {
	if q, ok := n.(Queued); ok {
		all := q.Queues()
		number %= len(all)
		return all[number], number
	}
	return n, 0
}

// NIC is a virtual adapter that carries packets in batches: IP packets, or the
// Ethernet frames around them, depending on its kind.
//
// One goroutine reads and another writes at the same time. An error that wraps
// fs.ErrClosed is final: the adapter was closed or removed. Any other error
// concerns single packets, and the next call continues.
type NIC interface {
	// Name is the device's name as the system knows it, such as "tun0".
	Name() string
	// Kind is what the adapter carries.
	Kind() Kind
	// MTU is the largest IP packet in bytes that the adapter was made for. A frame
	// is longer by its header.
	MTU() int
	// ReadBatch waits until at least one packet is outbound (from the
	// system, to the network), fills packets from the front of batch, and
	// returns how many. Each has the buffer's full headroom before it.
	ReadBatch(batch []*buf.Packet) (int, error)
	// WriteBatch gives inbound packets to the system. It returns how many
	// it took and an error for the others: the first one's, or a
	// *buf.WriteError with all. A packet the system refuses (malformed, too large:
	// syscall.EMSGSIZE, no buffer space) does not stop the rest.
	WriteBatch(batch []*buf.Packet) (int, error)
	// Close ends pending reads and writes and frees the adapter.
	Close() error
}
