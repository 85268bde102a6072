//go:build interop

package interop

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// eachWay runs a test, whose names begin with name, with stock on both sides as the
// control, and then with ours on either side.
func eachWay(t *testing.T, name string, run func(t *testing.T, who pairing)) {
	for _, who := range []pairing{{stock, stock}, {ours, stock}, {stock, ours}} {
		t.Run(name+who.name(), func(t *testing.T) {
			t.Parallel()
			run(t, who)
		})
	}
}

// TestClientNAT reaches a server, and is reached, by other addresses than its tunnel has,
// written in the profile and pushed. TCP shows that checksums are right.
func TestClientNAT(t *testing.T) {
	t.Parallel()
	alias := netip.MustParseAddr("10.64.0.1")
	for _, client := range []implementation{stock, ours} {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			tun := connect(t, pairing{client, stock}, serverParty(t, plain, `push "client-nat dnat 10.64.0.0 255.255.0.0 10.8.0.0"`),
				clientParty(t, plain, "route 10.64.0.0 255.255.0.0"))
			tun.client.ping(alias)
			at := tun.server.helper("receive", serverIPv4.String())
			port := netip.MustParseAddrPort(at.listenAddress()).Port()
			sent := tun.client.helper("send", netip.AddrPortFrom(alias, port).String(), "200000").report(patience)
			if got := at.report(patience); got.SHA256 != sent.SHA256 || got.Bytes != 200000 {
				t.Errorf("%d bytes of %d arrived", got.Bytes, sent.Bytes)
			}
		})
		t.Run(client.name+"/source", func(t *testing.T) {
			t.Parallel()
			// Packets from another address of this end arrive under its alias.
			tun := connect(t, pairing{client, stock}, serverParty(t, plain), clientParty(t, plain, "client-nat snat 10.60.0.0 255.255.255.0 10.8.0.0"))
			tun.client.ip("addr", "add", "10.60.0.2/32", "dev", tunDevice)
			tun.client.output("ping", "-n", "-c", "1", "-w", "5", "-I", "10.60.0.2", serverIPv4.String())
		})
	}
}

var noRoute = regexp.MustCompile(`(?m)^From (\S+) .*No route`)

// refusedIPv6 returns who says that there is no route to an IPv6 address.
func (n *netns) refusedIPv6(to netip.Addr) string {
	out, answered := n.asks("ping", "-n", "-c", "1", "-w", "30", to.String()) // ends with the error
	if m := noRoute.FindStringSubmatch(out); m != nil && !answered {
		return m[1]
	}
	return out
}

// TestBlockIPv6 tells who sends IPv6 into the tunnel that there is no route: on a client
// by its own line or a pushed one, and on a server for its clients. With ours, nothing
// goes past the tunnel either, even where only IPv4 is said to be redirected.
func TestBlockIPv6(t *testing.T) {
	t.Parallel()
	far := netip.MustParseAddr("2001:db8:77::1")
	for name, lines := range map[string]struct{ server, client string }{
		"client": {"", "block-ipv6"},
		"pushed": {`push "block-ipv6"`, ""},
	} {
		eachWay(t, name+"/", func(t *testing.T, who pairing) {
			tun := connect(t, who, serverParty(t, plain, lines.server, `push "route-ipv6 2001:db8:77::/48"`), clientParty(t, plain, lines.client))
			if from := tun.client.refusedIPv6(far); from != serverIPv6.String() {
				t.Errorf("the answer is %s", from)
			}
			tun.client.ping(serverIPv4)
		})
	}
	// OpenVPN 2.6 as a server does not do what its manual says: it lets its clients'
	// packets in, and answers those of its own host.
	t.Run("server", func(t *testing.T) {
		t.Parallel()
		tun := connect(t, pairing{stock, ours}, serverParty(t, plain, "block-ipv6", `push "route-ipv6 2001:db8:77::/48"`), clientParty(t, plain))
		if from := tun.client.refusedIPv6(far); from != "fe80::7" && !strings.HasPrefix(from, "fe80::7%") {
			t.Errorf("the answer is %s", from)
		}
		tun.client.ping(serverIPv4)
	})
	t.Run("redirected", func(t *testing.T) {
		t.Parallel()
		l := newLab(t)
		c, s := l.host("c"), l.host("s")
		w := l.join(c, s)
		c.defaultVia(w.b4, w.b6)
		server := serverParty(t, plain, `push "redirect-gateway def1"`, `push "block-ipv6"`)
		config := s.serverConfig(server)
		text := strings.Replace(string(must(os.ReadFile(config))), "server-ipv6 "+innerIPv6.String()+"\n", "", 1)
		s.run(stock, s.file("server.conf", text)).up()
		c.run(ours, c.clientConfig(clientParty(t, plain), w.b4)).up()
		if way := c.ip("-6", "route", "get", far.String()); !strings.Contains(way, "dev "+tunDevice) {
			t.Errorf("IPv6 goes past the tunnel: %s", way)
		}
		if from := c.refusedIPv6(far); from != "fe80::7" && !strings.HasPrefix(from, "fe80::7%") {
			t.Errorf("the answer is %s", from)
		}
	})
}

// marked is a table that counts the outer packets of a class that a host receives.
const marked = `table inet marks { chain in { type filter hook input priority 0
	udp dport 1194 ip dscp ef counter comment "ef"
	udp sport 1194 ip dscp ef counter comment "ef"
	udp dport 1194 ip6 dscp ef counter comment "ef"
}
}
`

var efPackets = regexp.MustCompile(`counter packets ([1-9][0-9]*) bytes`)

// TestPassTOS: outer packets have the class of those inside, on either end.
func TestPassTOS(t *testing.T) {
	t.Parallel()
	eachWay(t, "", func(t *testing.T, who pairing) {
		tun := connect(t, who, serverParty(t, plain, "passtos"), clientParty(t, plain, "passtos"))
		for _, n := range []*netns{tun.client, tun.server} {
			n.nft(marked)
		}
		tun.client.ping(serverIPv4)
		for _, n := range []*netns{tun.client, tun.server} {
			if got := n.output("nft", "list", "table", "inet", "marks"); efPackets.MatchString(got) {
				t.Errorf("marked before:\n%s", got)
			}
		}
		tun.client.output("ping", "-n", "-c", "1", "-w", "5", "-Q", "0xb8", serverIPv4.String()) // the answer has it too
		for _, n := range []*netns{tun.client, tun.server} {
			if got := n.output("nft", "list", "table", "inet", "marks"); !efPackets.MatchString(got) {
				t.Errorf("%s received none:\n%s", n.name, got)
			}
		}
	})
}

// TestRouteTable puts routes where OpenVPN 2.7 puts them, and takes them away at the end.
func TestRouteTable(t *testing.T) {
	t.Parallel()
	var tables [2]string
	for i, client := range []implementation{openvpn27.implementation, ours} {
		tun := connect(t, pairing{client, stock}, serverParty(t, plain), clientParty(t, plain, "route-table 77", "route 10.77.0.0 255.255.0.0",
			"route 10.78.0.0 255.255.0.0 192.0.2.9", "route-ipv6 2001:db8:77::/48", "redirect-gateway def1 local"))
		for _, family := range []string{"-4", "-6"} {
			for _, table := range []string{"77", "main"} {
				for _, line := range strings.Split(tun.client.ip(family, "route", "show", "table", table), "\n") {
					if words := strings.Fields(line); len(words) > 0 && strings.Contains(line, tunDevice) && words[0] != "fe80::/64" {
						tables[i] += table + " " + words[0] + "\n"
					}
				}
			}
		}
		if err := tun.clientProc.stop(os.Interrupt); err != nil {
			t.Error(err)
		}
		if left := says("ip", "-n", tun.client.name, "route", "show", "table", "77"); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	}
	if tables[0] != tables[1] {
		t.Errorf("OpenVPN 2.7:\n%sours:\n%s", tables[0], tables[1])
	}
	if !strings.Contains(tables[1], "77 10.77.0.0/16") {
		t.Errorf("%s", tables[1])
	}
}

var timedOut = regexp.MustCompile(`Session timeout, exiting|session has lasted as long as`)

// TestSessionTimeout ends a client when its session has lasted long enough, by its own
// line or a pushed one; a server ends those of its clients. From ours, they come back at
// once.
func TestSessionTimeout(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]struct{ server, client string }{
		"client": {"", "session-timeout 2"},
		"pushed": {`push "session-timeout 2"`, ""},
	} {
		eachWay(t, name+"/", func(t *testing.T, who pairing) {
			began := time.Now()
			_, client := newHosts(t).login(who, []string{lines.server}, []string{lines.client})
			if err := client.wait(patience); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if client.count(timedOut) == 0 || client.count(initialized) != 1 || time.Since(began) < time.Second { // stock counts whole seconds
				t.Errorf("%s: it ended after %v without a word of it", name, time.Since(began))
			}
		})
	}
	for _, server := range []implementation{stock, ours} {
		t.Run("server/"+server.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "interop-client"), []byte("session-timeout 2\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			serverProc, client := newHosts(t).login(pairing{stock, server}, []string{"client-config-dir " + dir}, []string{"connect-retry 1 1"})
			serverProc.expect(timedOut, 1, patience)
			if server.name == ours.name {
				client.expect(initialized, 2, patience)
			}
		})
	}
}

// TestShaper: what leaves keeps to the rate. Stock's clients do the same.
func TestShaper(t *testing.T) {
	t.Parallel()
	const rate, size = 200_000, 300_000 // bytes a second, bytes
	for name, lines := range map[string]struct {
		server, client string
		who            pairing
	}{
		"stock client":          {"", "shaper 200000", pairing{stock, stock}},
		"client":                {"", "shaper 200000", pairing{ours, stock}},
		"pushed to the client":  {`push "shaper 200000"`, "", pairing{ours, stock}},
		"pushed to stock's one": {`push "shaper 200000"`, "", pairing{stock, ours}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tun := connect(t, lines.who, serverParty(t, plain, lines.server), clientParty(t, plain, lines.client))
			began := time.Now()
			transfer(t, tun.client, tun.server, serverIPv4, size)
			got := float64(size) / time.Since(began).Seconds()
			t.Logf("%.0f bytes/s of %d", got, rate)
			if got > rate || got < rate/10 { // a busy machine takes some of it
				t.Errorf("%.0f bytes/s, want a bit less than %d", got, rate)
			}
			began = time.Now()
			transfer(t, tun.server, tun.client, tun.clientIPv4.prefix.Addr(), 13*size)
			if got := float64(13*size) / time.Since(began).Seconds(); got < 1.1*rate {
				t.Errorf("the other way is shaped too: %.0f bytes/s", got)
			}
		})
	}
}
