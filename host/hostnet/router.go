package hostnet

import (
	"errors"
	"net/netip"
)

// Router is what this host does with packets between an adapter and the rest.
type Router struct {
	IPv4, IPv6 bool // forwarding is on
	// Plain are those of the networks asked about whose packets leave with their own
	// addresses, since no rule masquerades them.
	Plain []netip.Prefix
	// Drops has, for each packet filter chain that drops what is forwarded for the
	// adapter, what it does and the commands that let it through.
	Drops []error
	// Hidden says which rules this package does not see; "": none are known of.
	Hidden string
}

// LookAtRouter looks at what forwards and masquerades for an adapter and the networks
// behind it, and changes nothing. Linux only; elsewhere it fails with ErrUnsupported.
func LookAtRouter(device string, networks []netip.Prefix) (r Router, err error) {
	h, err := newHost(Options{}.filled())
	if err != nil {
		return r, err
	}
	k, ok := h.kernel.(routing)
	if !ok {
		return r, ErrUnsupported
	}
	for name, on := range map[string]*bool{forward4: &r.IPv4, forward6: &r.IPv6} {
		value, err := h.kernel.setting(name)
		if err != nil && !errors.Is(err, errGone) {
			return r, err
		}
		*on = value == "1"
	}
	chains, err := h.kernel.forwardDrops(device)
	if err != nil && !errors.Is(err, errGone) {
		return r, err
	}
	for _, c := range chains {
		r.Drops = append(r.Drops, c.mend(device))
	}
	r.Plain, err = k.unmasked(networks)
	r.Hidden = k.hidden()
	if errors.Is(err, errGone) {
		err = nil
	}
	return r, err
}

// routing is a kernel whose address translation can be looked at.
type routing interface {
	// unmasked returns the networks for which no rule masquerades.
	unmasked(networks []netip.Prefix) ([]netip.Prefix, error)
	hidden() string
}
