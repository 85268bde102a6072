package server

import (
	"context"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/tunnel"
)

// stream is a client's TCP connection: a link of its own, with one session on
// it.
type stream struct {
	*link.Stream
	client atomic.Pointer[client]
}

// serveStream is a connection's goroutine.
func (s *Server) serveStream(ctx context.Context, c *stream) {
	if s.share != nil && c.isForeign(s.road.PacketSize) {
		c.Prove() // bounded by share from here on
		s.share.serve(ctx, c)
		return
	}
	err := s.road.Inbound(ctx, c)
	if cl := c.client.Load(); cl != nil {
		cl.abandon()
		cl.Do(func(time.Time) { cl.Session.LinkClosed(err) })
		return
	}
	s.strange(ctx, c, err)
}

// strange reports, at a bounded rate, a connection that ended without a session.
func (s *Server) strange(ctx context.Context, c *stream, err error) {
	s.road.Counters.Add(tunnel.UnknownPeer)
	from := c.RemoteAddr()
	if ctx.Err() != nil || !s.strangers.Allow(time.Now(), from.Addr()) {
		return
	}
	s.happened(Silent{From: from, Err: err})
}

// admitStream starts a connection's session; false when it has one already.
func (s *Server) admitStream(c *stream, cl *client) bool {
	if !c.client.CompareAndSwap(nil, cl) {
		return false
	}
	c.Prove()
	return true
}

// streamPeer finds the client of a packet that came by TCP: the connection's.
func streamPeer(c *stream) (*tunnel.Peer, tunnel.Drop) {
	if cl := c.client.Load(); cl != nil {
		return cl.Peer, tunnel.Kept
	}
	return nil, tunnel.UnknownPeer
}

// streamControl takes a control packet that came by TCP.
func (r role) streamControl(c *stream, p *buf.Packet) {
	if cl := c.client.Load(); cl != nil {
		cl.Deliver(p.Bytes(), func(err error) { r.badControl(cl, err) })
		return
	}
	r.greet(c, p)
}
