//go:build interop

package interop

import (
	"fmt"
	"net/netip"
	"regexp"
	"testing"
)

// TestNarrowPath: a link of 1,300 bytes in the middle carries large packets and
// TCP, whether the router before it may say so or not, and whether packets may
// be cut or not.
func TestNarrowPath(t *testing.T) {
	t.Parallel()
	narrow := regexp.MustCompile(`the path to the peer is narrow.*path-bytes=1300`)
	measured := regexp.MustCompile(`path 1300, MSS from`)
	for name, c := range map[string]struct {
		line   string
		silent bool // the router says nothing
		ipv6   bool // outside
	}{
		"cut":          {},
		"cut silently": {silent: true},
		"forbidden":    {line: "mtu-disc yes"},
		"cut, IPv6":    {ipv6: true}, // by the host itself, which the router told
		"forbid, IPv6": {line: "mtu-disc yes", ipv6: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c0, r, s := l.host("c"), l.host("r"), l.host("s")
			near, far := l.join(c0, r), l.join(r, s)
			r.forward()
			c0.defaultVia(near.b4, near.b6)
			s.defaultVia(far.a4, far.a6)
			r.ip("link", "set", "eth1", "mtu", "1300")
			s.ip("link", "set", "eth1", "mtu", "1300")
			if c.silent {
				r.nft("table ip silent { chain out { type filter hook output priority 0; icmp type destination-unreachable drop; }\n}\n")
			}
			how := plain
			how.outerIPv6 = c.ipv6
			server, client := serverParty(t, how, c.line), clientParty(t, how, c.line)
			tun := dial(pairing{ours, ours}, c0, s, server, client, server.outer(far.b4, far.b6))
			if c.line == "" { // it is measured at some moment, and from then on senders are told
				tun.clientProc.expect(measured, 1, patience)
				tun.serverProc.expect(measured, 1, patience)
			}
			for from, to := range map[*netns]netip.Addr{c0: serverIPv4, s: tun.clientIPv4.prefix.Addr()} {
				// The first that are too large find out, and are lost.
				from.try("ping", "-n", "-c", "8", "-i", "0.2", "-w", "5", "-s", "1472", to.String())
				from.try("ping", "-n", "-c", "3", "-i", "0.2", "-w", "5", "-s", "1230", to.String())
				for _, size := range []int{1200, 1230, 1300, 1400, 1472} {
					for _, discover := range []string{"want", "dont"} {
						from.output("ping", "-n", "-c", "1", "-w", "5", "-M", discover, "-s", fmt.Sprint(size), to.String())
					}
				}
			}
			transfer(t, c0, s, serverIPv4, 8<<20)
			transfer(t, s, c0, tun.clientIPv4.prefix.Addr(), 8<<20)
			for _, p := range []*process{tun.clientProc, tun.serverProc} {
				if n, want := p.count(narrow), map[bool]int{true: 1}[c.line != ""]; n != want && p == tun.clientProc || n > 1 {
					t.Errorf("%s: told %d times that the path is narrow", p.name, n)
				}
			}
		})
	}
}
