//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/operate/backend"
)

// narrowLab is a client and a server with two routers between them, the link between
// which carries less. Where the routers are silent, they tell nobody.
func narrowLab(t *testing.T, mtu int, silent bool) (c, s *netns, far wire, routers []*netns) {
	l := newLab(t)
	c, near, beyond, s := l.host("c"), l.host("r"), l.host("q"), l.host("s")
	first, middle, far := l.join(c, near), l.join(near, beyond), l.join(beyond, s)
	c.defaultVia(first.b4, first.b6)
	s.defaultVia(far.a4, far.a6)
	near.forward()
	beyond.forward()
	near.defaultVia(middle.b4, middle.b6)
	beyond.defaultVia(middle.a4, middle.a6)
	routers = []*netns{near, beyond}
	for _, r := range routers {
		r.ip("link", "set", "eth1", "mtu", fmt.Sprint(mtu))
		if silent {
			r.nft("table inet silent { chain out { type filter hook output priority 0; icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }; }\n")
		}
	}
	return c, s, far, routers
}

// measured waits until the status of a host's Culvert has a path, and returns it with the
// status as text.
func (n *netns) measured() (p backend.Path, text string) {
	n.t.Helper()
	n.eventually("the path is measured", func() bool {
		var s backend.Status
		if err := json.Unmarshal([]byte(n.output(n.command("status", "--json")...)), &s); err != nil || len(s.Peers) != 1 || s.Peers[0].Path == nil {
			return false
		}
		p = *s.Peers[0].Path
		return true
	})
	return p, n.output(n.command("status")...)
}

// TestPathMTU: a path of 1,280 or 1,312 bytes in the middle is measured to the byte,
// whether its routers say so or not, with OpenVPN at the other end as with Culvert. What
// is known of it is in the status of the end that measured, and bulk passes both ways at
// once.
func TestPathMTU(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		who    pairing
		mtu    int
		silent bool
		ipv6   bool // outside
	}{
		{pairing{ours, stock}, 1280, true, false},
		{pairing{ours, stock}, 1312, false, false},
		{pairing{stock, ours}, 1280, false, false},
		{pairing{stock, ours}, 1312, true, false},
		{pairing{ours, ours}, 1312, true, false},
		{pairing{ours, ours}, 1312, false, true},
		{pairing{ours, stock}, 1280, true, true},
		{pairing{stock, ours}, 1500, false, false},
		{pairing{ours, openvpn27.implementation}, 1312, true, false},
		{pairing{openvpn27.implementation, ours}, 1280, true, false},
	} {
		t.Run(fmt.Sprintf("%s client, %s server, %d, silent %v, IPv6 %v", c.who.client.name, c.who.server.name, c.mtu, c.silent, c.ipv6), func(t *testing.T) {
			t.Parallel()
			client, server, far, _ := narrowLab(t, c.mtu, c.silent)
			how := plain
			how.outerIPv6 = c.ipv6
			began := time.Now()
			tun := dial(c.who, client, server, serverParty(t, how), clientParty(t, how), how.outer(far.b4, far.b6))
			for at, ends := range map[*netns]implementation{client: c.who.client, server: c.who.server} {
				if ends.name != ours.name {
					continue
				}
				path, text := at.measured()
				t.Logf("measured %v after the start: %+v", time.Since(began).Round(time.Millisecond), path)
				overhead := 28 + 24 // IPv4 and UDP, and the data channel
				if c.ipv6 {
					overhead += 20
				}
				if c.who.client.name != stock.name && c.who.server.name != stock.name {
					overhead += 4 // epoch keys
				}
				want := backend.Path{Measured: true, Bytes: c.mtu, MSS: c.mtu - overhead - 40, MSSBefore: 1492 - overhead - 40}
				says := fmt.Sprintf("path %d, MSS from %d to %d", want.Bytes, want.MSSBefore, want.MSS)
				if c.mtu == 1500 {
					want.Bytes, want.Whole, want.MSS = 1492, true, want.MSSBefore
					says = "path 1492 or more"
				}
				if path != want || !strings.Contains(text, says) {
					t.Errorf("path %+v, want %+v; status %q, want %q in it", path, want, text, says)
				}
				if at == client && c.mtu < 1500 {
					at.hasMTU(1280) // IPv6 is on it
				}
			}
			transfer(t, client, server, serverIPv4, 4<<20)
			transfer(t, server, client, tun.clientIPv4.prefix.Addr(), 4<<20)
			if c.who.client.name == c.who.server.name && !c.ipv6 { // as large as IPv6 has a right to, and cut outside
				client.output("ping", "-n", "-c", "1", "-w", "5", "-M", "do", "-s", fmt.Sprint(1280-48), serverIPv6.String())
				server.output("ping", "-n", "-c", "1", "-w", "5", "-M", "do", "-s", fmt.Sprint(1280-48), tun.clientIPv6.prefix.Addr().String())
			}
			for from, to := range map[*netns]fmt.Stringer{client: serverIPv4, server: tun.clientIPv4.prefix.Addr()} {
				if impl := map[*netns]implementation{client: c.who.client, server: c.who.server}[from]; impl.name != ours.name || c.mtu == 1500 {
					continue
				}
				said, _ := from.asks("ping", "-n", "-c", "1", "-w", "2", "-M", "do", "-s", "1400", to.String())
				if !slices.ContainsFunc([]string{"Frag needed", "too long", "too large"}, func(s string) bool { return strings.Contains(said, s) }) {
					t.Errorf("a packet that does not fit is answered by %q", said)
				}
			}
		})
	}
}

// hasMTU waits until a host's tunnel has an MTU.
func (n *netns) hasMTU(want int) {
	n.t.Helper()
	n.eventually(fmt.Sprintf("%s has an MTU of %d", tunDevice, want), func() bool {
		return strings.Contains(n.ip("link", "show", tunDevice), fmt.Sprintf(" mtu %d ", want))
	})
}

// TestPathMTUAdapter: the adapter's MTU follows the path down and up, also without root's
// rights.
func TestPathMTUAdapter(t *testing.T) {
	t.Parallel()
	client, server, far, routers := narrowLab(t, 1312, true)
	unprivileged := clientParty(t, plain, "user nobody", "group nogroup", `pull-filter ignore "ifconfig-ipv6"`, `pull-filter ignore "route-ipv6"`)
	dial(pairing{ours, stock}, client, server, serverParty(t, plain), unprivileged, far.b4)
	client.measured()
	client.hasMTU(1312 - 28 - 24) // IPv4 and UDP, and the data channel
	for _, r := range routers {
		r.ip("link", "set", "eth1", "mtu", "1500")
	}
	client.output(client.command("reconnect")...)
	client.hasMTU(1500)
}

// TestPathMTUByPings: OpenVPN that answers no messages about sizes, as with kernel offload, is
// measured by pings in the tunnel, whichever end it is. Here the messages to it are lost: by a
// filter that can read them, since nothing is encrypted.
func TestPathMTUByPings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		who      pairing
		topology string
	}{{pairing{ours, stock}, "subnet"}, {pairing{ours, stock}, "net30"}, {pairing{stock, ours}, "subnet"}} {
		t.Run(c.who.name()+"/"+c.topology, func(t *testing.T) {
			t.Parallel()
			client, server, far, _ := narrowLab(t, 1312, true)
			how := plain
			how.cipher, how.topology = "none", c.topology
			bare := []string{"data-ciphers none", "auth none"}
			sp, cp := serverParty(t, how, bare...), clientParty(t, how, bare...)
			sp.ciphers, cp.ciphers = "", ""
			at, deaf := client, server
			if c.who.server.name == ours.name {
				at, deaf = server, client
				sp.extra = append(sp.extra, "allow-insecure-none")
			} else {
				cp.extra = append(cp.extra, "allow-insecure-none", "mtu-test")
			}
			deaf.nft("table inet deaf { chain in { type filter hook input priority 0; iifname \"eth*\" @th,128,32 0x287f346b counter drop; }; }\n")
			tun := dial(c.who, client, server, sp, cp, far.b4)
			path, text := at.measured()
			if want := (backend.Path{Measured: true, Bytes: 1312, MSS: 1312 - 28 - 8 - 40, MSSBefore: 1492 - 28 - 8 - 40}); path != want {
				t.Errorf("path %+v, want %+v; status %q", path, want, text)
			}
			if !strings.Contains(deaf.output("nft", "list", "ruleset"), "counter packets 3 ") {
				t.Error("3 messages about sizes are to be lost:", deaf.output("nft", "list", "ruleset"))
			}
			if at == client {
				tun.clientProc.expect(regexp.MustCompile(`NOTE: Empirical MTU test completed \[Tried,Actual\] local->remote=\[1464,1284\] remote->local=\[1464,1284\]`), 1, patience)
			}
			transfer(t, client, server, serverIPv4, 1<<20)
			transfer(t, server, client, tun.clientIPv4.prefix.Addr(), 1<<20)
			at.output("ping", "-n", "-c", "3", "-i", "0.2", "-w", "5", map[*netns]fmt.Stringer{client: serverIPv4, server: tun.clientIPv4.prefix.Addr()}[at].String())
		})
	}
}

// TestPathMTUHosts: both adapters of two hosts without a server follow the path, and one does
// with OpenVPN at the other end.
func TestPathMTUHosts(t *testing.T) {
	t.Parallel()
	for _, other := range []implementation{ours, stock} {
		t.Run(other.name, func(t *testing.T) {
			t.Parallel()
			c, s, far, _ := narrowLab(t, 1312, true)
			cid, sid := newSelfSigned("client"), newSelfSigned("server")
			serverProc := s.run(other, s.p2pConfig(p2pHost{index: 1, tlsServer: true, own: sid, peer: cid}))
			c.run(ours, c.p2pConfig(p2pHost{index: 0, own: cid, peer: sid, remote: far.b4})).up()
			serverProc.up()
			c.measured()
			c.hasMTU(1280) // IPv6 is on it
			if other.name == ours.name {
				s.hasMTU(1280)
			}
			checkP2P(t, c, s)
		})
	}
}
