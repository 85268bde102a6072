package p2p

import (
	"net/netip"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
)

// connection is a link that leads to one host alone, with one session on it:
// over TCP, or through a proxy that relays datagrams.
//
// It forwards what a link.TCP implements. Through a proxy there is no link.Path,
// and no link of one host is link.Queued or link.Crowder.
type connection struct {
	link.Link
	tcp    bool
	remote netip.AddrPort // where packets on it are from
	side   atomic.Pointer[side]
	// prove is called once the host at the other end has shown who it is.
	prove func()
}

var (
	_ link.Trier     = (*connection)(nil)
	_ link.Streamer  = (*connection)(nil)
	_ buf.BatchSizer = (*connection)(nil)
)

// BatchSize is as that of link.TCP.
func (c *connection) BatchSize() (first, most int) { return 4, 32 }

// Stream is as that of link.TCP.
func (c *connection) Stream() bool { return c.tcp }

// TryBatch is the link's.
func (c *connection) TryBatch(batch []*buf.Packet) (int, error) { return link.Try(c.Link, batch) }

// calling is a connection that this host made. Over TCP the other end has to
// show who it is within the time of a handshake.
func calling(l link.Link, remote netip.AddrPort, limit time.Duration) *connection {
	c := &connection{Link: l, remote: remote, prove: func() {}}
	if t, ok := l.(*link.TCP); ok {
		t.SetReadDeadline(time.Now().Add(limit))
		c.tcp, c.remote, c.prove = true, t.RemoteAddr(), func() { t.SetReadDeadline(time.Time{}) }
	}
	return c
}

// overTCP reports whether a link is a connection over TCP.
func overTCP(l link.Link) bool {
	c, own := l.(*connection)
	return own && c.tcp
}
