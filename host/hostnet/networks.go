package hostnet

import "net/netip"

// Networks are the networks this host has routes to, other than by a default
// route: what a new tunnel should not use inside.
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
		// The halves of a redirected default route are one too.
		if w.Dst.Bits() > 1 {
			networks = append(networks, w.Dst)
		}
	}
	return networks, nil
}
