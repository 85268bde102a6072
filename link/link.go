// Package link carries packets between this host's physical adapters and the
// public network: UDP in batches, TCP with a length before each packet, and
// either through HTTP and SOCKS proxies.
package link

import (
	"net/netip"

	"culvert/internal/buf"
)

// Queued is a link of several sockets with one address, one for each reader. The
// system gives all datagrams from a remote address to the same socket. What is
// written to any socket leaves from the common address; a writer with its own queue
// shares no lock. The link's Close closes the queues.
type Queued interface {
	Link
	// Queues returns the same queues each time.
	Queues() []Link
}

// Queues returns the queues of a link: the link itself, if it has only one.
func Queues(l Link) []Link {
	if q, ok := l.(Queued); ok {
		return q.Queues()
	}
	return []Link{l}
}

// Queue returns one of a link's queues. The number may be larger than the number of
// queues.
func Queue(l Link, number int) Link {
	if q, ok := l.(Queued); ok {
		all := q.Queues()
		return all[number%len(all)]
	}
	return l
}

// Link is a socket that moves packets in batches. One goroutine reads; any number
// write. An error that wraps fs.ErrClosed is final: the socket was closed. Any
// other error concerns single datagrams, and the next call continues.
type Link interface {
	// ReadBatch waits for at least one datagram, fills packets from the
	// front of batch with their Path, and returns how many.
	ReadBatch(batch []*buf.Packet) (int, error)
	// WriteBatch sends each packet to its Path. It returns how many were
	// handed to the system and an error for the others: the first one's,
	// or a *buf.WriteError with all. A datagram that cannot be sent (unreachable,
	// too large: syscall.EMSGSIZE, no buffer) does not stop the rest.
	WriteBatch(batch []*buf.Packet) (int, error)
	// LocalAddr is the address the socket is bound to.
	LocalAddr() netip.AddrPort
	Close() error
}

// The interfaces below, Queued and buf.BatchSizer are optional: a link implements
// the ones it can. A link that wraps another has their methods only if it forwards
// them.

// Trier is a link whose WriteBatch may wait for a slow peer.
type Trier interface {
	// TryBatch is a WriteBatch that never waits: it drops what there is no room
	// for.
	TryBatch(batch []*buf.Packet) (int, error)
}

// Hurrier is a link that can be told not to wait for a slow peer any more.
type Hurrier interface {
	// Hurry has each WriteBatch drop what there is no room for from now on, as TryBatch
	// does, also one that waits.
	Hurry()
}

// Hurry has a link wait for a slow peer no more (Hurrier). One that never waits stays as
// it is.
func Hurry(l Link) {
	if h, ok := l.(Hurrier); ok {
		h.Hurry()
	}
}

// Crowder is a link that knows how much waits to be sent.
type Crowder interface {
	// Crowded is what the function Crowded calls.
	Crowded() bool
}

// Streamer is a link whose packets may go over a stream (TCP), each after its
// length.
type Streamer interface {
	// Stream is what IsStream calls.
	Stream() bool
}

// IsStream reports whether a link's packets go over TCP.
func IsStream(l Link) bool {
	s, ok := l.(Streamer)
	return ok && s.Stream()
}

// Try writes a batch without waiting for a slow peer (Trier): it drops what there
// is no room for.
func Try(l Link, batch []*buf.Packet) (int, error) {
	if t, ok := l.(Trier); ok {
		return t.TryBatch(batch)
	}
	return l.WriteBatch(batch)
}

// Crowded reports whether a link has so much to send that only packets for known
// peers should be added. The system keeps datagrams for silent hosts of its own
// network in one buffer, which all others share. Crowded returns false if the
// system does not say.
func Crowded(l Link) bool {
	c, ok := l.(Crowder)
	return ok && c.Crowded()
}

// Path is a link whose system knows something about the path to a host.
type Path interface {
	// PathMTU is the largest IP packet in bytes that the path is known to
	// carry: the network adapter's, or what a router reported (RFC 1191, RFC 8201).
	PathMTU(remote netip.AddrPort) (bytes int, ok bool)
}

// Whole is a link that can forbid everybody on the way to cut a packet, whatever it does
// with others.
type Whole interface {
	// WriteWhole sends a packet to its Path in one piece, or not at all. What the system
	// believes of the path does not count, only what its adapter takes.
	WriteWhole(p *buf.Packet) error
	// Believed is the largest IP packet in bytes that the system believes to pass on the way
	// to an address, as Path.PathMTU, whether it goes by that or not.
	Believed(remote netip.AddrPort) (bytes int, ok bool)
}

// DatagramOverhead is the length of the IP and UDP headers of a datagram, in
// bytes (RFC 791, 8200 and 768).
func DatagramOverhead(ipv6 bool) int {
	const headerIPv4, headerIPv6, headerUDP = 20, 40, 8
	if ipv6 {
		return headerIPv6 + headerUDP
	}
	return headerIPv4 + headerUDP
}
