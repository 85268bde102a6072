// Package link carries packets between this host's physical adapters and the
// public network: UDP in batches, TCP with a length before each packet, and
// either through HTTP and SOCKS proxies.
package link

import (
	"net/netip"

	"culvert/internal/buf"
)

// Link is a socket in batches. One goroutine reads; any number write. An error
// that wraps fs.ErrClosed is final: the socket was closed. Any other error
// concerns single datagrams, and the next call goes on.
type Link interface {
	// ReadBatch waits for at least one datagram, fills packets from the
	// front of batch with their Path, and returns how many.
	ReadBatch(batch []*buf.Packet) (int, error)
	// WriteBatch sends each packet to its Path. It returns how many were
	// handed to the system and the first error. A datagram that cannot be
	// sent (unreachable, too big, no buffer) does not stop the rest.
	WriteBatch(batch []*buf.Packet) (int, error)
	// LocalAddr is the address the socket is bound to.
	LocalAddr() netip.AddrPort
	Close() error
}

// Try is WriteBatch of a link that may wait there for a slow peer, and does not
// now: what there is no room for is lost.
func Try(l Link, batch []*buf.Packet) (int, error) {
	if t, ok := l.(interface {
		TryBatch(batch []*buf.Packet) (int, error)
	}); ok {
		return t.TryBatch(batch)
	}
	return l.WriteBatch(batch)
}
