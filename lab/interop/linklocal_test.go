//go:build interop

package interop

import (
	"net/netip"
	"syscall"
	"testing"
)

// TestLinkLocal: a remote, and what a server listens on, can be a link-local
// address, which means another host on each network.
func TestLinkLocal(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		who    pairing
		tcp    bool
		listen []string
		call   []string
	}{
		"UDP":              {who: pairing{ours, ours}, listen: []string{"local fe80::2%eth1"}},
		"TCP":              {who: pairing{ours, ours}, tcp: true, listen: []string{"local fe80::2%eth1"}},
		"all addresses":    {who: pairing{ours, ours}, listen: []string{"multihome"}, call: []string{`push-peer-info`, "redirect-gateway ipv6"}},
		"from one, by TCP": {who: pairing{ours, stock}, tcp: true, call: []string{"local fe80::1%eth1", "lport 4000"}},
		"stock calls":      {who: pairing{stock, ours}, listen: []string{"local fe80::2%eth1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c0, other, s := l.host("c"), l.host("o"), l.host("s")
			l.join(c0, other) // has fe80::2, too
			l.join(c0, s)
			how := plain
			how.outerIPv6, how.tcp = true, c.tcp
			tun := dial(c.who, c0, s, serverParty(t, how, c.listen...), clientParty(t, how, c.call...), netip.MustParseAddr("fe80::2%eth1"))
			tun.client.ping(serverIPv4)
			if err := tun.clientProc.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
		})
	}
}

// TestLinkLocalP2P: so can the other host's, and it is known by it.
func TestLinkLocalP2P(t *testing.T) {
	t.Parallel()
	for name, proto := range map[string][2]string{"UDP": {"udp6", "udp6"}, "TCP": {"tcp6-client", "tcp6-server"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			a, b := l.host("a"), l.host("b")
			l.join(a, b)
			aid, bid := newSelfSigned("a"), newSelfSigned("b")
			caller := p2pHost{index: 0, proto: proto[0], remote: netip.MustParseAddr("fe80::2%eth0"), own: aid, peer: bid}
			called := p2pHost{index: 1, proto: proto[1], tlsServer: true, remote: netip.MustParseAddr("fe80::1%eth0"), own: bid, peer: aid,
				extra: []string{"local fe80::2%eth0"}}
			b.run(ours, b.p2pConfig(called))
			a.run(ours, a.p2pConfig(caller)).up()
			checkP2P(t, a, b)
		})
	}
}

// TestLinkLocalProxy: and a proxy's.
func TestLinkLocalProxy(t *testing.T) {
	t.Parallel()
	for line, start := range map[string]func(n *netns){
		"http-proxy fe80::2%eth0 3128": func(n *netns) {
			n.start("tinyproxy", "tinyproxy", "-d", "-c", n.public("tinyproxy.conf", "Port 3128\nListen ::\nAllow ::/0\nConnectPort 1194\n"))
		},
		"socks-proxy fe80::2%eth0 1080": func(n *netns) { n.start("microsocks", "microsocks", "-i", "::", "-p", "1080") },
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			p := newProxied(t)
			start(p.proxy)
			c := plain
			c.tcp = true
			tun := dial(pairing{ours, ours}, p.client, p.server, serverParty(t, c), clientParty(t, c, line, "connect-retry 1 1"), p.serverIPv4)
			tun.client.ping(serverIPv4)
		})
	}
}
