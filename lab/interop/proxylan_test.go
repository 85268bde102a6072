//go:build interop

package interop

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
)

// segmentServer lays a LAN behind a server, on which it and one more host are,
// and gives the server's configuration for clients on that LAN.
func segmentServer(t *testing.T, l *lab, s *netns, how ...string) (peer *netns, file string) {
	t.Helper()
	peer = l.host("p")
	mustRun(t, "ip", "link", "add", "lan0", "netns", s.name, "type", "veth", "peer", "name", "lan0", "netns", peer.name)
	s.up("lan0", netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2"))
	peer.up("lan0", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"))
	var text strings.Builder
	for line := range strings.Lines(mustRead(t, s.serverConfig(serverParty(t, plain, how...)))) {
		if !strings.HasPrefix(line, "server ") && !strings.HasPrefix(line, "server-ipv6 ") {
			text.WriteString(line)
		}
	}
	return peer, s.file("server.conf", text.String())
}

// onSegment connects a stock client to our server and proves that both the
// client and a host of the segment believe to be neighbours.
func onSegment(t *testing.T, c, s, peer *netns, file string, remote netip.Addr) (client netip.Addr, proc *process) {
	t.Helper()
	s.run(ours, file).up()
	proc = c.run(stock, c.clientConfig(clientParty(t, plain, "explicit-exit-notify 2"), remote)).up()
	v4, v6 := c.device(tunDevice)
	if v4.prefix.Masked() != netip.MustParsePrefix("192.0.2.0/24") || v6.prefix.Masked() != netip.MustParsePrefix("2001:db8::/64") {
		t.Fatalf("the client has %v and %v, which are not of the segment", v4.prefix, v6.prefix)
	}
	for _, a := range []string{"192.0.2.1", "2001:db8::1"} {
		c.ping(netip.MustParseAddr(a))
	}
	for _, a := range []netip.Addr{v4.prefix.Addr(), v6.prefix.Addr()} {
		peer.ping(a)
		if entry := peer.ip("neigh", "show", a.String()); !strings.Contains(entry, "lladdr") {
			t.Errorf("%v is no neighbour of the segment's host: %q", a, entry)
		}
		s.ping(a)
	}
	peer.output("arping", "-q", "-c", "1", "-w", "5", "-I", "lan0", v4.prefix.Addr().String())
	// A conflict probe (arping -D) succeeds while nobody has the address.
	peer.fails("arping", "-q", "-D", "-c", "1", "-w", "2", "-I", "lan0", v4.prefix.Addr().String())
	transfer(t, c, peer, netip.MustParseAddr("192.0.2.1"), 4<<20)
	transfer(t, peer, c, v6.prefix.Addr(), 4<<20)
	return v4.prefix.Addr(), proc
}

// fails runs a program on the host that must not succeed.
func (n *netns) fails(argv ...string) {
	n.t.Helper()
	if err := n.start(argv[0], argv...).wait(patience); err == nil {
		n.t.Errorf("%s succeeded", strings.Join(argv, " "))
	}
}

// TestProxyLANPool: a client without Ethernet is on the segment of its server,
// with an address set aside for it that nobody there has.
func TestProxyLANPool(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	peer, file := segmentServer(t, l, s, "proxy-lan lan0 pool", "ifconfig-pool 192.0.2.100 192.0.2.110")
	peer.ip("addr", "add", "192.0.2.100/24", "dev", "lan0")
	if got, _ := onSegment(t, c, s, peer, file, w.b4); got != netip.MustParseAddr("192.0.2.101") {
		t.Errorf("the client has %v", got)
	}
	peer.output("arping", "-q", "-D", "-c", "1", "-w", "2", "-I", "lan0", "192.0.2.102") // nobody's
}

// TestProxyLANDHCP has the segment's own DHCP server lease the client's
// address, and take it back when the client leaves.
func TestProxyLANDHCP(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	peer, file := segmentServer(t, l, s, "proxy-lan lan0 dhcp")
	dnsmasq, leases := peer.leases("lan0", "192.0.2.50,192.0.2.60,2m", "--dhcp-option=option:dns-server,192.0.2.53", "--domain=lan.example")
	address, client := onSegment(t, c, s, peer, file, w.b4)
	if lease := mustRead(t, leases); !strings.Contains(lease, address.String()+" "+clientName) {
		t.Errorf("the DHCP server's leases do not have %v for %s:\n%s", address, clientName, lease)
	}
	client.stop(os.Interrupt)
	dnsmasq.expect(regexp.MustCompile(`DHCPRELEASE\(lan0\) `+regexp.QuoteMeta(address.String())), 1, patience)
}
