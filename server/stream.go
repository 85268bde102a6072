package server

import (
	"container/list"
	"context"
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/tunnel"
)

// Bounds on what connections may cost before they show a client.
const (
	// openingTime is how long a connection may take to open a session, be it
	// silent or slow.
	openingTime = 15 * time.Second
	// maxUnproven is how many connections without a session are kept; the
	// oldest goes for the next one.
	maxUnproven = 4096
	// acceptPause lies between attempts to accept when the system has no
	// room for another connection.
	acceptPause = 50 * time.Millisecond
)

// stream is a client's TCP connection: a link of its own, with one session on
// it.
type stream struct {
	*link.TCP
	client atomic.Pointer[client]
	at     *list.Element // in unproven, nil when it is not
}

// streams are the TCP connections of a server.
type streams struct {
	mu       sync.Mutex
	all      map[*stream]bool
	unproven list.List // of those without a session, the oldest first
	closed   bool
	running  sync.WaitGroup
}

// add enters a connection. It returns one to close in exchange, nil if none;
// ok is false when the server goes down.
func (s *streams) add(c *stream) (oldest *stream, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	if s.all == nil {
		s.all = make(map[*stream]bool)
	}
	s.all[c] = true
	c.at = s.unproven.PushBack(c)
	s.running.Add(1)
	if s.unproven.Len() > maxUnproven {
		oldest = s.unproven.Front().Value.(*stream)
		s.forget(oldest)
	}
	return oldest, true
}

// forget takes a connection from the unproven. The caller holds mu.
func (s *streams) forget(c *stream) {
	if c.at != nil {
		s.unproven.Remove(c.at)
		c.at = nil
	}
}

// prove notes that a connection has a session.
func (s *streams) prove(c *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(c)
}

// remove is the end of a connection.
func (s *streams) remove(c *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(c)
	delete(s.all, c)
	s.running.Done()
}

// oldestUnproven is the connection to give up first, nil if there is none.
func (s *streams) oldestUnproven() *stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	if front := s.unproven.Front(); front != nil {
		return front.Value.(*stream)
	}
	return nil
}

// close ends all connections and waits for what serves them.
func (s *streams) close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.all {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// accept serves the connections that come to a listener, until it is closed.
func (s *Server) accept(ctx context.Context, l *link.TCPListener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, fs.ErrClosed) {
			return err
		}
		if err != nil {
			s.log.Warn("a connection could not be accepted; the oldest silent one is given up", "error", err)
			if c := s.streams.oldestUnproven(); c != nil {
				c.Close()
			}
			time.Sleep(acceptPause)
			continue
		}
		c := &stream{TCP: link.NewTCP(conn, link.TCPOptions{QueueLimit: s.cfg.TCPQueueLimit, Drop: true})}
		oldest, ok := s.streams.add(c)
		if !ok {
			c.Close()
			return fs.ErrClosed
		}
		if oldest != nil {
			oldest.Close()
		}
		go s.serveStream(ctx, c)
	}
}

// serveStream is a connection's goroutine.
func (s *Server) serveStream(ctx context.Context, c *stream) {
	defer s.streams.remove(c)
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(openingTime))
	if s.share != nil && c.isForeign(s.road.PacketSize) {
		s.streams.prove(c) // bounded by share from here on
		s.share.serve(ctx, c)
		return
	}
	err := s.road.Inbound(c)
	if cl := c.client.Load(); cl != nil {
		cl.Do(func(time.Time) { cl.Session.LinkClosed(err) })
		return
	}
	s.strange(ctx, c, err)
}

// strange logs, at a bounded rate, a connection that ended without a session.
func (s *Server) strange(ctx context.Context, c *stream, err error) {
	s.road.Counters.Add(tunnel.UnknownPeer)
	from := c.RemoteAddr()
	if ctx.Err() != nil || !s.strangers.allow(time.Now(), from.Addr()) {
		return
	}
	s.log.Warn("a TCP connection opened no session and was closed", "from", from, "reason", err)
}

// admitStream starts a connection's session; false when it has one already.
func (s *Server) admitStream(c *stream, cl *client) bool {
	if !c.client.CompareAndSwap(nil, cl) {
		return false
	}
	s.streams.prove(c)
	c.SetReadDeadline(time.Time{})
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
