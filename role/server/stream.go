package server

import (
	"sync/atomic"

	"culvert/link"
	"culvert/tunnel"
)

// stream is a client's TCP connection: a link of its own with one session.
type stream struct {
	*link.Stream
	client atomic.Pointer[client]
}

// attach gives the connection a client's session. It returns false if it has one
// already.
func (s *stream) attach(c *client) bool {
	if !s.client.CompareAndSwap(nil, c) {
		return false
	}
	s.Prove()
	return true
}

// peer returns the client of a packet that came over the connection.
func (s *stream) peer() (*tunnel.Peer, tunnel.Drop) {
	if c := s.client.Load(); c != nil {
		return c.Peer, tunnel.Kept
	}
	return nil, tunnel.UnknownPeer
}
