// Package proxy lets ordinary programs use a tunnel without a device: a SOCKS5
// server (RFC 1928) and an HTTP proxy (RFC 9110, CONNECT and absolute URIs)
// that connect through a Dialer.
//
// Neither asks for a password. Listen on a loopback address: whoever can reach the
// listener can use the tunnel in your name.
package proxy

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Dialer connects to the far side of the tunnel. It also resolves names, so that
// they are resolved there.
type Dialer interface {
	// DialContext is like net.Dialer's, for the networks tcp and udp.
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// dialTimeout bounds how long a program waits for a connection.
const dialTimeout = 30 * time.Second

// connSet runs work on connections, and can end all of it.
type connSet struct {
	mu      sync.Mutex
	closed  bool
	conns   map[io.Closer]struct{}
	running sync.WaitGroup
}

// run does work on c. It closes c after the work, or when the set is closed.
func (s *connSet) run(c io.Closer, work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return
	}
	if s.conns == nil {
		s.conns = make(map[io.Closer]struct{})
	}
	s.conns[c] = struct{}{}
	s.running.Go(func() {
		defer s.remove(c)
		defer c.Close()
		work()
	})
}

func (s *connSet) remove(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// close closes everything and waits for the work to end.
func (s *connSet) close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}
