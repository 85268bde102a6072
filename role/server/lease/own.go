package lease

import (
	"fmt"
	"iter"
	"net/netip"

	"culvert/config"
)

// CheckOwn fails if no client can have an address as its own.
func (l *Layout) CheckOwn(a netip.Addr) error {
	n, server := l.Network, l.server
	if a.Is6() {
		n, server = l.Network6, l.server6
	}
	switch {
	case !n.IsValid():
		return fmt.Errorf("%v: the server has no network of that family", a)
	case !n.Contains(a):
		return fmt.Errorf("%v is not in the server's network %v", a, n)
	case a == server, a == n.Addr(), a.Is4() && a == last(n):
		return fmt.Errorf("%v is not for clients: it is the server's, or the first or last of %v", a, n)
	case a.Is4() && l.topology == config.TopologyNet30 && !l.ethernet && (addrMinus(a, n.Addr())%4 != 2 || addrMinus(a, n.Addr()) < 6):
		return fmt.Errorf("%v: with topology net30 clients have every fourth address, beginning with %v", a, addrPlus(n.Addr(), 6))
	case a.Is4() && l.topology != config.TopologySubnet && a == l.Beside:
		return fmt.Errorf("%v is beside the server's address", a)
	}
	return nil
}

// last returns the last address of an IPv4 network.
func last(n netip.Prefix) netip.Addr { return addrPlus(n.Addr(), 1<<(32-n.Bits())-1) }

// FromEnd yields the addresses of the pool, the last one first: those that were never
// leased are at the end.
func (l *Layout) FromEnd(ipv6 bool) iter.Seq[netip.Addr] {
	pool := l.pool
	if ipv6 {
		pool = l.pool6
	}
	return func(yield func(netip.Addr) bool) {
		for i := pool.count - 1; i >= 0; i-- {
			if a := pool.at(i); l.CheckOwn(a) == nil && !yield(a) {
				return
			}
		}
	}
}
