//go:build interop

package interop

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

// tunnel is a client and a server that are connected.
type tunnel struct {
	client, server         *netns
	clientProc, serverProc *process
	remote                 netip.Addr    // the server's, outside
	clientIPv4, clientIPv6 deviceAddress // inside
}

// pairing says who plays which role.
type pairing struct{ client, server implementation }

func (p pairing) name() string { return p.client.name + "-client/" + p.server.name + "-server" }

// everyone is each pairing of the two implementations.
var everyone = []pairing{{stock, stock}, {stock, ours}, {ours, stock}, {ours, ours}}

// isStock tells a pairing in which nothing is ours.
func (p pairing) isStock() bool { return p.client.name == stock.name && p.server.name == stock.name }

// outer is the server's address that the client is to use.
func (c combination) outer(v4, v6 netip.Addr) netip.Addr {
	if c.outerIPv6 {
		return v6
	}
	return v4
}

// connect lays a wire between two new hosts and a tunnel over it.
func connect(t *testing.T, who pairing, server, client party) *tunnel {
	t.Helper()
	l := newLab(t)
	c, s := l.host("c"), l.host("s")
	w := l.join(c, s)
	return dial(who, c, s, server, client, server.outer(w.b4, w.b6))
}

// dial brings up a tunnel between hosts that can reach each other.
func dial(who pairing, c, s *netns, server, client party, remote netip.Addr) *tunnel {
	c.t.Helper()
	tun := &tunnel{client: c, server: s, remote: remote}
	tun.serverProc = s.run(who.server, s.serverConfig(server)).up()
	tun.clientProc = c.run(who.client, c.clientConfig(client, remote)).up()
	tun.clientIPv4, tun.clientIPv6 = c.device(tunDevice)
	return tun
}

// check proves that the tunnel is what c says, and carries so many bytes each way.
func (tun *tunnel) check(t *testing.T, who pairing, c combination, size int) {
	t.Helper()
	tun.checkTopology(t, c.topology)
	tun.checkLogs(t, who, c)
	if t.Failed() {
		return
	}
	tun.client.ping(serverIPv4)
	tun.client.ping(serverIPv6)
	tun.server.ping(tun.clientIPv4.prefix.Addr())
	tun.server.ping(tun.clientIPv6.prefix.Addr())
	transfer(t, tun.client, tun.server, serverIPv4, size)
	transfer(t, tun.server, tun.client, tun.clientIPv4.prefix.Addr(), size)
	transfer(t, tun.client, tun.server, serverIPv6, 1<<20)
	transfer(t, tun.server, tun.client, tun.clientIPv6.prefix.Addr(), 1<<20)
}

// checkTopology reads off the client's device which topology is in use.
func (tun *tunnel) checkTopology(t *testing.T, topology string) {
	t.Helper()
	v4, v6 := tun.clientIPv4, tun.clientIPv6
	got := "none"
	switch {
	case v4.prefix.Bits() == innerIPv4.Bits() && v4.prefix.Masked() == innerIPv4:
		got = "subnet"
	case v4.peer == serverIPv4:
		got = "p2p"
	case v4.peer.IsValid() && netip.PrefixFrom(v4.prefix.Addr(), 30).Masked().Contains(v4.peer):
		got = "net30"
	}
	if got != topology {
		t.Errorf("topology on the client's device is %s (%v peer %v), not %s", got, v4.prefix, v4.peer, topology)
	}
	if v6.prefix.Masked() != innerIPv6 {
		t.Errorf("IPv6 on the client's device is %v, not in %v", v6.prefix, innerIPv6)
	}
}

// What stock OpenVPN logs at `verb 4` about the armour of its control channel.
var (
	controlAuthenticated = regexp.MustCompile(`Incoming Control Channel Authentication`)
	controlEncrypted     = regexp.MustCompile(`Incoming Control Channel Encryption`)
)

// checkLogs proves from the logs which cipher both sides use, and from those
// of stock OpenVPN which armour.
func (tun *tunnel) checkLogs(t *testing.T, who pairing, c combination) {
	t.Helper()
	cipher := regexp.MustCompile(`(?i)data channel.*\b` + c.cipher + `\b`)
	for p, impl := range map[*process]implementation{tun.clientProc: who.client, tun.serverProc: who.server} {
		p.expect(cipher, 1, patience)
		if impl.name != stock.name {
			continue
		}
		authenticated, encrypted := p.count(controlAuthenticated) > 0, p.count(controlEncrypted) > 0
		if authenticated != (c.armour == "tls-auth") || encrypted != strings.HasPrefix(c.armour, "tls-crypt") {
			t.Errorf("%s: armour is not %s (authenticated %v, encrypted %v)", p.name, c.armour, authenticated, encrypted)
		}
	}
}
