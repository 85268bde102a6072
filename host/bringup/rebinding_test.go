package bringup

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/host/hostnet"
)

// TestNotInside: an answer from outside leads no packets past the tunnel that are meant for
// hosts inside; nor are any other addresses of that answer learned.
func TestNotInside(t *testing.T) {
	prefix := netip.MustParsePrefix
	want := hostnet.State{
		Addresses: []hostnet.Address{{Prefix: prefix("10.8.0.6/24")}, {Prefix: prefix("172.20.0.6/32"), Peer: netip.MustParseAddr("172.21.0.5")}, {Prefix: prefix("fd00:8::6/64")}},
		DNS:       &hostnet.DNS{Servers: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.53:0")}},
		Routes: []hostnet.Route{{Dst: prefix("0.0.0.0/1")}, {Dst: prefix("128.0.0.0/1")}, {Dst: prefix("2000::/3")}, {Dst: prefix("fc00::/7")},
			{Dst: prefix("10.0.0.0/8")}, {Dst: prefix("10.50.0.0/16"), Bypass: true}, {Dst: prefix("198.51.100.0/24")}, {Dst: prefix("100.64.0.0/16")}, {Dst: prefix("fd00:50::/32")}},
	}
	for addr, inside := range map[string]bool{
		"10.8.0.1": true, "::ffff:10.8.0.1": true, "172.20.0.6": true, "172.21.0.5": true, "fd00:8::1": true, "203.0.113.53": true,
		"10.1.2.3": true, "100.64.3.4": true, "fd00:50::7": true,
		"10.50.0.7": false, "198.51.100.7": false, "192.0.2.7": false, "192.168.1.7": false, "100.65.0.1": false, "fd00:51::7": false, "2001:db8::7": false,
	} {
		var learned []netip.Addr
		learn := notInside(func(_ context.Context, addrs []netip.Addr, _ time.Duration) error {
			learned = append(learned, addrs...)
			return nil
		}, want)
		addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr(addr)}
		err := learn(t.Context(), addrs, time.Hour)
		if inside && (len(learned) > 0 || err == nil || !strings.Contains(err.Error(), "route-except "+addr)) || !inside && (err != nil || !slices.Equal(learned, addrs)) {
			t.Errorf("%s: learned %v, %v", addr, learned, err)
		}
	}
}
