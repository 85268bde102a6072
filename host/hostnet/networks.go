package hostnet

import "net/netip"

// Networks returns the networks that this host has routes to, other than by a default
// route: a new tunnel should not use them inside.
func Networks() ([]netip.Prefix, error) {
	h, err := newHost(Options{}.filled())
	if err != nil {
		return nil, err
	}
	ways, err := h.kernel.routes()
	if err != nil {
		return nil, err
	}
	var networks []netip.Prefix
	for _, w := range ways {
		// The halves of a redirected default route count as default, too.
		if w.Dst.Bits() > 1 {
			networks = append(networks, w.Dst)
		}
	}
	return networks, nil
}
