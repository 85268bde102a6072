package hostnet

import (
	"context"
	"net/netip"
)

// Way is how this host reaches an address.
type Way struct {
	Device string
	Via    netip.Addr // next hop; not valid: on-link
	Source netip.Addr // the address packets go out with
}

// Network observes this host's network. Its methods need no rights.
type Network struct{}

// Changes returns a channel that receives a value when links, addresses, routes or
// rules of this host changed, until ctx ends. Several changes at once count as one. It
// is nil on systems other than Linux.
func (Network) Changes(ctx context.Context) <-chan struct{} { return networkChanges(ctx) }

// WayTo returns how this host reaches an address now; ok is false if it does not.
func (Network) WayTo(dst netip.Addr) (w Way, ok bool) { return currentWay(dst) }

// Default returns the way of what has no other route, of IPv6 or of IPv4; ok is false if
// there is none.
func (Network) Default(six bool) (w Way, ok bool) { return defaultWay(six) }

// Has reports whether an address is one of this host's.
func (Network) Has(a netip.Addr) bool {
	own, err := isOwn(a)
	return own || err != nil
}
