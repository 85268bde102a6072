package nameserver

import (
	"net"
	"net/netip"
	"sync"
)

// shares divides what there is among those who ask, by their addresses.
type shares struct {
	each, all int // how much one may have, and all together

	mu    sync.Mutex
	taken map[netip.Addr]int
	sum   int
}

func newShares(each, all int) *shares {
	return &shares{each: each, all: all, taken: make(map[netip.Addr]int)}
}

// take takes one for an address, and returns how to give it back, which may be called
// again; ok is false if it has its share, or nothing is left.
func (s *shares) take(a netip.Addr) (give func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sum >= s.all || s.taken[a] >= s.each {
		return nil, false
	}
	s.sum++
	s.taken[a]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sum--
		if s.taken[a]--; s.taken[a] == 0 {
			delete(s.taken, a)
		}
	}), true
}

// sourceOf returns the address that something is from.
func sourceOf(a net.Addr) netip.Addr {
	from, _ := netip.ParseAddrPort(a.String())
	return from.Addr().Unmap()
}

// insidePackets are the packets of a socket that are from clients: the library answers some
// before anybody is asked.
type insidePackets struct {
	net.PacketConn
	zone *Zone
}

func (p insidePackets) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	for {
		if n, from, err = p.PacketConn.ReadFrom(b); err != nil || p.zone.inside(sourceOf(from)) {
			return n, from, err
		}
	}
}

// insideStreams are the connections to a listener that are from clients, of each no more
// than its share.
type insideStreams struct {
	net.Listener
	zone   *Zone
	shares *shares
}

func (l insideStreams) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := sourceOf(c.RemoteAddr())
		if l.zone.inside(from) {
			if give, ok := l.shares.take(from); ok {
				return &sharedConn{c, give}, nil
			}
		}
		c.Close()
	}
}

// sharedConn gives its share back when it is closed.
type sharedConn struct {
	net.Conn
	give func()
}

func (c *sharedConn) Close() error {
	c.give()
	return c.Conn.Close()
}
