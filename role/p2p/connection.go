package p2p

import (
	"net/netip"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/tunnel"
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

// accepted takes a connection that somebody made to this host: the other host,
// as it has to show.
func (h *Host) accepted(s *link.Stream) {
	c := &connection{Link: s, tcp: true, remote: s.RemoteAddr(), prove: s.Prove}
	if !h.expected(c, c.remote) {
		h.road.Counters.Add(tunnel.UnknownPeer)
		h.log.Debug("a connection from an address that is no remote's was closed", "from", c.remote)
		h.notify() // names may have other addresses by now
		return
	}
	path := buf.Path{Remote: c.remote}
	if h.static != nil {
		path = buf.Path{} // until a packet shows that it has the key
	}
	h.serve(c, h.main, path, c.remote)
}

// serve carries packets from a connection to its end, which is that of its
// session. Over TCP the TLS client begins, whoever called.
func (h *Host) serve(c *connection, p *settings, path buf.Path, near netip.AddrPort) {
	if h.greeter == nil || !c.tcp && !h.awaitsKey() {
		h.begin(c, p, path, near)
	}
	err := h.road.Inbound(h.ctx, c)
	if s := c.side.Load(); s != nil {
		s.Do(func(time.Time) { s.Session.LinkClosed(err) })
		return
	}
	h.road.Counters.Add(tunnel.UnknownPeer)
	if h.strangers.Allow(time.Now(), c.remote.Addr()) {
		h.emit(event.Stranger{From: c.remote, Text: "a TCP connection opened no session and was closed", Err: err})
	}
	h.notify()
}
