package bringup

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"culvert/host/hostnet"
)

// notInside returns learn for addresses of names that are to go past a tunnel, without those
// that are the tunnel's own: whoever answers for such a name is outside, and must not lead
// packets there that are meant for hosts inside.
func notInside(learn learning, want hostnet.State) learning {
	return func(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error {
		for _, a := range addrs {
			if network, is := insideOf(want, a.Unmap().WithZone("")); is {
				return fmt.Errorf("the answer leads to %v, which is the tunnel's by %v; if that host is outside, write: route-except %[1]v", a, network)
			}
		}
		return learn(ctx, addrs, lifetime)
	}
}

// manyBits is the least length of a route that says of a network where it is; shorter ones
// take in what nobody knows of, as those of redirect-gateway.
const manyBits = 8

// shared are addresses that several networks may have, beside those that IsPrivate knows
// (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// insideOf reports whether an address is the tunnel's own: one of its adapter's network or of
// its name servers; or a private one, which is another host's in each network, and the tunnel has
// a route for this one that is no default route.
func insideOf(want hostnet.State, a netip.Addr) (by netip.Prefix, is bool) {
	for _, own := range want.Addresses {
		if n := own.Prefix.Masked(); n.Contains(a) || own.Peer == a {
			return n, true
		}
	}
	if want.DNS != nil && slices.ContainsFunc(want.DNS.Servers, func(s netip.AddrPort) bool { return s.Addr() == a }) {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	if !a.IsPrivate() && !shared.Contains(a) {
		return by, false
	}
	longest := hostnet.Route{}
	for _, r := range want.Routes {
		if r.Dst.Contains(a) && (!longest.Dst.IsValid() || r.Dst.Bits() > longest.Dst.Bits()) {
			longest = r
		}
	}
	return longest.Dst, longest.Dst.Bits() >= manyBits && !longest.Bypass && !longest.Refuse
}
