// Package nic is the contract of a virtual network adapter: what the operating
// system, or a TCP/IP stack of our own, sees as a network card, and what the
// tunnel reads packets from and writes packets to.
//
// Implementations: tuntap (devices of the kernel) and userstack (TCP/IP in
// this process, no device and no root).
package nic

import (
	"culvert/internal/buf"
)

// NIC is a virtual adapter carrying IP packets, in batches.
//
// One goroutine reads and another writes at the same time. An error that wraps
// fs.ErrClosed is final: the adapter was closed or taken away. Any other error
// concerns single packets, and the next call goes on.
type NIC interface {
	// Name is the device's name as the system knows it, such as "tun0".
	Name() string
	// MTU is the largest IP packet in bytes the adapter was made for.
	MTU() int
	// ReadBatch waits until at least one packet is outbound (from the
	// system, to the network), fills packets from the front of batch, and
	// returns how many. Each has the buffer's full headroom before it.
	ReadBatch(batch []*buf.Packet) (int, error)
	// WriteBatch gives inbound packets to the system. It returns how many
	// it took and the first error; a packet the system refuses (malformed,
	// no buffer space) is skipped and does not stop the rest.
	WriteBatch(batch []*buf.Packet) (int, error)
	// Close ends pending reads and writes and frees the adapter.
	Close() error
}
