//go:build interop

package interop

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestWithoutAddresses: a client whose adapter gets no address from its server
// comes up like any other, and carries once somebody sets the address.
func TestWithoutAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, topology, client string
		said                   string // by ours
	}{
		{"ifconfig-noexec", "subnet", "ifconfig-noexec", ""},
		{"ifconfig-noexec", "net30", "ifconfig-noexec", ""},
		{"pull-filter", "subnet", `pull-filter ignore "ifconfig"`, "pull-filter left it out"},
	} {
		for _, who := range []pairing{{stock, stock}, {ours, stock}, {stock, ours}} {
			t.Run(c.name+"/"+c.topology+"/"+who.name(), func(t *testing.T) {
				t.Parallel()
				how := plain
				how.topology = c.topology
				tun := connect(t, who, serverParty(t, how), clientParty(t, how, c.client))
				if tun.clientIPv4.prefix.IsValid() || tun.clientIPv6.prefix.IsValid() {
					t.Fatalf("the adapter has %v, %v", tun.clientIPv4, tun.clientIPv6)
				}
				tun.client.setAddress(c.topology)
				tun.client.ping(serverIPv4)
				if who.client.name == ours.name && c.said != "" && tun.clientProc.count(regexp.MustCompile(c.said)) != 1 {
					t.Errorf("the log does not say once: %s", c.said)
				}
			})
		}
	}
}

// setAddress gives the adapter the address that the server leased.
func (n *netns) setAddress(topology string) {
	n.t.Helper()
	n.ip("link", "set", tunDevice, "up")
	if topology == "net30" {
		n.ip("addr", "add", "10.8.0.6", "peer", "10.8.0.5", "dev", tunDevice)
		n.ip("route", "replace", "10.8.0.1", "dev", tunDevice)
		return
	}
	n.ip("addr", "add", "10.8.0.2/24", "dev", tunDevice)
}

// TestNothingLeased: a server without a pool pushes no address.
func TestNothingLeased(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{stock, ours} {
		t.Run(impl.name, func(t *testing.T) {
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			config := s.serverConfig(serverParty(t, plain))
			text := strings.Replace(string(must(os.ReadFile(config))), "server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00:8::/64\n", "server 10.8.0.0 255.255.255.0 nopool\n", 1)
			s.run(stock, s.file("server.conf", text)).up()
			p := c.run(impl, c.clientConfig(clientParty(t, plain), w.b4)).up()
			if v4, v6 := c.device(tunDevice); v4.prefix.IsValid() || v6.prefix.IsValid() {
				t.Errorf("the adapter has %v, %v", v4, v6)
			}
			if impl.name == ours.name && p.count(regexp.MustCompile(`the server pushed none`)) != 1 {
				t.Error("the log does not say that there is no address")
			}
		})
	}
}

// TestP2PNoexec: of two hosts, ours leaves the addresses to others too.
func TestP2PNoexec(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	a, b := newSelfSigned("a"), newSelfSigned("b")
	server := s.run(stock, s.p2pConfig(p2pHost{index: 0, tlsServer: true, own: a, peer: b}))
	client := c.run(ours, c.p2pConfig(p2pHost{index: 1, remote: w.b4, own: b, peer: a, extra: []string{"ifconfig-noexec"}}))
	server.up()
	client.up()
	if v4, v6 := c.device(tunDevice); v4.prefix.IsValid() || v6.prefix.IsValid() {
		t.Fatalf("the adapter has %v, %v", v4, v6)
	}
	c.ip("addr", "add", p2pIPv4[1].String(), "peer", p2pIPv4[0].String(), "dev", tunDevice)
	c.ping(p2pIPv4[0])
}

// TestIPv6Alone: a server of IPv6 alone, by server-ipv6 without server.
func TestIPv6Alone(t *testing.T) {
	t.Parallel()
	for _, who := range []pairing{{stock, stock}, {ours, stock}, {stock, ours}} {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			config := s.serverConfig(serverParty(t, plain))
			text := strings.Replace(string(must(os.ReadFile(config))), "server 10.8.0.0 255.255.255.0\n", "", 1)
			s.run(who.server, s.file("server.conf", text)).up()
			c.run(who.client, c.clientConfig(clientParty(t, plain), w.b4)).up()
			if v4, v6 := c.device(tunDevice); v4.prefix.IsValid() || v6.prefix.Masked() != innerIPv6 {
				t.Errorf("the adapter has %v, %v", v4, v6)
			}
			c.ping(serverIPv6)
		})
	}
}
