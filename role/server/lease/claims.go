package lease

import (
	"context"
	"net/netip"
	"sync"
)

// held is an address of the LAN that clients have. Two of them have it while one takes
// the other's place.
type held struct {
	users   map[*Holder]bool
	release func() // nil if a guest's DHCP lease has the claim
}

// hold makes this host answer for a client's addresses, once it is known that no other
// host has them. If another has the IPv6 address, hold leaves that out, unless the
// client's own file gives it.
func (p *proxy) hold(ctx context.Context, h *Holder, lease *Lease) error {
	var err4, err6 error
	var both sync.WaitGroup
	both.Go(func() { err4 = p.claim(ctx, h, lease.IPv4) })
	both.Go(func() { err6 = p.claim(ctx, h, lease.IPv6) })
	both.Wait()
	if err4 == nil && err6 != nil && h.IPv6 == nil {
		p.log.Warn("a client gets no IPv6 address: its address is in use on the LAN", "client", h.Name, "error", err6)
		lease.IPv6, err6 = netip.Addr{}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.follow()
	for _, err := range []error{err4, err6} {
		if err != nil {
			p.drop(h, lease.Addrs())
			return err
		}
	}
	return nil
}

// claim makes a client one of those that have an address. It does nothing for an
// address that is not valid.
func (p *proxy) claim(ctx context.Context, h *Holder, a netip.Addr) error {
	if !a.IsValid() || p.share(h, a) {
		return nil
	}
	release, err := p.wire.Claim(ctx, a, func() { p.gone(a) })
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[a] = &held{users: map[*Holder]bool{h: true}, release: release}
	return nil
}

// share is claim for an address that is claimed already, by another client whose
// place this one takes or by a DHCP lease. It reports whether it is.
func (p *proxy) share(h *Holder, a netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.held[a]
	if at == nil && h.guest != nil && h.guest.lease.Address.Addr() == a {
		at = &held{users: make(map[*Holder]bool)}
		p.held[a] = at
	}
	if at != nil {
		at.users[h] = true
	}
	return at != nil
}

// drop ends what a client has of addresses. The caller holds mu.
func (p *proxy) drop(h *Holder, addrs []netip.Addr) {
	for _, a := range addrs {
		at := p.held[a]
		if at == nil || !at.users[h] {
			continue
		}
		delete(at.users, h)
		if len(at.users) > 0 {
			continue
		}
		delete(p.held, a)
		if at.release != nil {
			at.release()
		}
	}
}

// gone makes the clients that have an address connect again, since another host uses
// it, too.
func (p *proxy) gone(a netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.held[a]; at != nil {
		for h := range at.users {
			h.shun.Store(true)
		}
		connectAnew(at.users)
	}
}
