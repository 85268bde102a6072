package web

import (
	"net"
	"net/netip"
	"sync"
)

// door is a listener with bounds.
type door struct {
	net.Listener
	most, mostOfOne int
	mu              sync.Mutex
	all             int
	of              map[netip.Prefix]int
}

// Bounded returns a listener that has no more connections at one time than most, and no more
// of one source (session.Source) than mostOfOne. What is above is closed at once.
func Bounded(l net.Listener, most, mostOfOne int) net.Listener {
	return &door{Listener: l, most: most, mostOfOne: mostOfOne, of: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := sourceOf(c.RemoteAddr().String())
		if d.enter(from) {
			return &guest{Conn: c, leave: sync.OnceFunc(func() { d.leave(from) })}, nil
		}
		c.Close()
	}
}

func (d *door) enter(from netip.Prefix) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= d.most || d.of[from] >= d.mostOfOne {
		return false
	}
	d.all++
	d.of[from]++
	return true
}

func (d *door) leave(from netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.of[from]--; d.of[from] == 0 {
		delete(d.of, from)
	}
}

// guest is a connection that counts until it is closed.
type guest struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
