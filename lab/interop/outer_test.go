//go:build interop

package interop

import (
	"net/netip"
	"regexp"
	"testing"
)

// tcpCombinations is the TCP share of the matrix: each armour once, and each
// outer family.
func tcpCombinations() (some []combination) {
	for _, c := range diagonal() {
		c.tcp = true
		some = append(some, c)
	}
	return some
}

func TestTCPStockAlone(t *testing.T) { matrix(t, pairing{stock, stock}, tcpCombinations()[2:3]) }

func TestTCPStockClientOurServer(t *testing.T) { matrix(t, pairing{stock, ours}, tcpCombinations()) }

func TestTCPOurClientStockServer(t *testing.T) { matrix(t, pairing{ours, stock}, tcpCombinations()) }

func TestTCPOursBoth(t *testing.T) { matrix(t, pairing{ours, ours}, tcpCombinations()) }

// TestMarkAndDevice: `mark` and `bind-dev` take a client's way out past the one
// that the host's routes would choose, over UDP and TCP.
func TestMarkAndDevice(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"mark 7", "bind-dev eth1", ""} {
		for _, tcp := range []bool{false, true} {
			name := line
			if tcp {
				name += "/tcp"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t)
				c, s := l.host("c"), l.host("s")
				first, second := l.join(c, s), l.join(c, s)
				c.output("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0", "net.ipv4.conf.eth1.rp_filter=0")
				remote := netip.MustParseAddr("198.51.100.1")
				s.ip("addr", "add", remote.String()+"/32", "dev", "lo")
				c.ip("route", "add", remote.String(), "via", first.b4.String(), "metric", "10")
				c.ip("route", "add", remote.String(), "via", second.b4.String(), "metric", "20")
				c.ip("route", "add", remote.String(), "via", second.b4.String(), "table", "100")
				c.ip("rule", "add", "fwmark", "7", "table", "100")
				how, want := plain, second.a4
				how.tcp = tcp
				client := clientParty(t, how, line)
				if line == "" {
					want = first.a4 // the control
				}
				tun := dial(pairing{ours, ours}, c, s, serverParty(t, how), client, remote)
				c.ping(serverIPv4)
				tun.serverProc.expect(regexp.MustCompile("address="+regexp.QuoteMeta(want.String()+":")), 1, patience)
			})
		}
	}
}
