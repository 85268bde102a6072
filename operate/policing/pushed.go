package policing

import (
	"net"
	"net/netip"
	"strings"
)

// pushed returns the networks of routes among options that are pushed: what is behind the
// server. Routes to names are passed over.
func pushed(options []string) (all []netip.Prefix) {
	for _, o := range options {
		words := strings.Fields(o)
		switch {
		case len(words) > 1 && words[0] == "route":
			a, err := netip.ParseAddr(words[1])
			bits := 32
			if len(words) > 2 {
				mask, err := netip.ParseAddr(words[2])
				if err != nil || !mask.Is4() {
					continue
				}
				bits, _ = net.IPMask(mask.AsSlice()).Size()
			}
			if n := netip.PrefixFrom(a, bits); err == nil && a.Is4() && n.IsValid() && bits > 0 {
				all = append(all, n.Masked())
			}
		case len(words) > 1 && words[0] == "route-ipv6":
			if n, err := netip.ParsePrefix(words[1]); err == nil && n.Bits() > 0 {
				all = append(all, n.Masked())
			}
		}
	}
	return all
}
