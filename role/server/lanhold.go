package server

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// held is an address of the segment that clients have: two of them while one
// takes the other's place.
type held struct {
	users   map[*client]bool
	release func() // nil where a station's DHCP lease has the claim
}

// leaseTries is how many addresses of a pool are tried on the segment for one
// client.
const leaseTries = 8

// shunned is how long the pool does without an address that another station of
// the segment has.
const shunned = 10 * time.Minute

// leaseHeld leases a client addresses, which on a segment nobody else has.
func (s *Server) leaseHeld(c *client, name string) (*Lease, error) {
	for try := 1; ; try++ {
		lease, err := s.lease(c, name)
		if err != nil || s.lan == nil {
			return lease, err
		}
		if err = s.lan.hold(s.logins.ctx, c, lease); err == nil {
			return lease, nil
		}
		s.log.Warn("an address cannot be a client's", "client", c.name, "error", err)
		s.pool.shun(lease, shunned)
		if try == leaseTries || c.own.Ifconfig != nil || c.station != nil {
			return nil, err
		}
	}
}

// hold has this host answer for a client's addresses, once they are known to be
// no other station's: IPv6 is left out if it is, unless the client's own file
// asks for it.
func (l *proxyLAN) hold(ctx context.Context, c *client, lease *Lease) error {
	var err4, err6 error
	var both sync.WaitGroup
	both.Go(func() { err4 = l.claim(ctx, c, lease.IPv4) })
	both.Go(func() { err6 = l.claim(ctx, c, lease.IPv6) })
	both.Wait()
	if err4 == nil && err6 != nil && c.own.IfconfigIPv6 == nil {
		l.log.Warn("a client goes without IPv6, as its address is taken", "client", c.name, "error", err6)
		lease.IPv6, err6 = netip.Addr{}, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.follow()
	for _, err := range []error{err4, err6} {
		if err != nil {
			l.drop(c, lease.addrs())
			return err
		}
	}
	return nil
}

// claim makes a client one of those that have an address, if there is one.
func (l *proxyLAN) claim(ctx context.Context, c *client, a netip.Addr) error {
	if !a.IsValid() || l.share(c, a) {
		return nil
	}
	release, err := l.segment.Claim(ctx, a, func() { l.gone(a) })
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[a] = &held{users: map[*client]bool{c: true}, release: release}
	return nil
}

// share is claim of an address that is claimed already, by another client whose
// place this one takes or by a DHCP lease, and reports whether it is.
func (l *proxyLAN) share(c *client, a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.held[a]
	if h == nil && c.station != nil && c.station.lease.Address.Addr() == a {
		h = &held{users: make(map[*client]bool)}
		l.held[a] = h
	}
	if h != nil {
		h.users[c] = true
	}
	return h != nil
}

// drop ends what a client has of addresses. The caller holds mu.
func (l *proxyLAN) drop(c *client, addrs []netip.Addr) {
	for _, a := range addrs {
		h := l.held[a]
		if h == nil || !h.users[c] {
			continue
		}
		delete(h.users, c)
		if len(h.users) > 0 {
			continue
		}
		delete(l.held, a)
		if h.release != nil {
			h.release()
		}
	}
}

// gone has those who have an address connect anew, since another station uses
// it, too.
func (l *proxyLAN) gone(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.held[a]; h != nil {
		for c := range h.users {
			c.shun.Store(true)
		}
		connectAnew(h.users)
	}
}

// shun leaves a lease's addresses out of the pool for a time.
func (p *pool) shun(lease *Lease, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lease == nil || p.inUse[lease.index] != lease {
		return
	}
	blocked := &Lease{index: lease.index}
	p.inUse[lease.index] = blocked
	time.AfterFunc(d, func() { p.release(blocked) })
}
