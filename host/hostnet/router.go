package hostnet

import (
	"errors"
	"net/netip"
	"slices"
)

// Router is what this host does with packets between an adapter and the rest.
type Router struct {
	// Plain are those of the networks asked about whose packets leave with their own
	// addresses, since no rule masquerades them.
	Plain []netip.Prefix
	// Drops has, for each packet filter chain that drops what is forwarded from the
	// adapter, or answers to it, what it does and the commands that let it through.
	Drops []error
	// Hidden says which rules this package does not see; "": none are known of.
	Hidden string
}

// LookAtRouter looks at what filters and masquerades packets of an adapter and the networks
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
	chains, err := h.kernel.forwardDrops(device, networks)
	if err != nil && !errors.Is(err, errGone) {
		return r, err
	}
	for _, c := range chains {
		r.Drops = append(r.Drops, c.mend(device))
	}
	r.Plain, err = k.unmasked(networks)
	if errors.Is(err, errGone) { // a kernel without nftables
		r.Plain, err = slices.Clone(networks), nil
	}
	if err == nil {
		k.lookFurther(&r, device, networks)
	}
	return r, err
}

// Forwards reports whether this host forwards packets of each family. Linux only; elsewhere it
// fails with ErrUnsupported.
func Forwards() (four, six bool, err error) {
	h, err := newHost(Options{}.filled())
	if err != nil {
		return false, false, err
	}
	if _, ok := h.kernel.(routing); !ok {
		return false, false, ErrUnsupported
	}
	for name, on := range map[string]*bool{forward4: &four, forward6: &six} {
		value, err := h.kernel.setting(name)
		if err != nil && !errors.Is(err, errGone) {
			return false, false, err
		}
		*on = value == "1"
	}
	return four, six, nil
}

// routing is a kernel whose address translation can be looked at.
type routing interface {
	// unmasked returns the networks for which no rule masquerades.
	unmasked(networks []netip.Prefix) ([]netip.Prefix, error)
	// lookFurther adds what rules do that nftables does not show.
	lookFurther(r *Router, device string, networks []netip.Prefix)
}
