//go:build interop

package interop

import (
	"fmt"
	"testing"
)

// clientPort is the client's own; the router shows others.
const clientPort = 5555

// floatRules is a NAT without memory on a router whose eth0 leads to the
// client at %[1]v and whose eth1, with address %[2]v, to the server: the
// client appears as port %[3]d there, and what is sent to any other is lost.
const floatRules = `
table ip float
delete table ip float
table ip float {
	chain in {
		type filter hook prerouting priority raw; policy accept;
		iifname "eth1" ip daddr %[2]v udp sport 1194 udp dport %[3]d udp dport set %[4]d ip daddr set %[1]v
		iifname "eth1" ip daddr %[2]v udp sport 1194 drop
	}
	chain out {
		type filter hook postrouting priority srcnat; policy accept;
		oifname "eth1" ip saddr %[1]v udp sport %[4]d udp sport set %[3]d ip saddr set %[2]v
	}
}
`

// TestFloat changes the client's outer port under a running transfer: it goes
// on, and the server's next renegotiations go to the new port. The old port
// is dead at once, so both would fail otherwise.
func TestFloat(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			float(t, who)
		})
	}
}

func float(t *testing.T, who pairing) {
	l := newLab(t)
	c, router, s := l.host("c"), l.host("r"), l.host("s")
	inside, outside := l.join(c, router), l.join(router, s)
	c.defaultVia(inside.b4, inside.b6)
	s.defaultVia(outside.a4, outside.a6)
	router.forward()
	appearAt := func(port int) {
		router.nft(fmt.Sprintf(floatRules, inside.a4, outside.a4, port, clientPort))
	}

	appearAt(40001)
	server := serverParty(t, plain, "reneg-sec 4 4")
	client := clientParty(t, plain, "reneg-sec 0", fmt.Sprint("lport ", clientPort))
	tun := dial(who, c, s, server, client, outside.b4)
	flows := tun.pace()
	tun.serverProc.expect(handshake, 2, patience)

	appearAt(40002)
	// One renegotiation may have been under way; the second is all new.
	tun.serverProc.expect(handshake, tun.serverProc.count(handshake)+2, patience)
	flows.finish(t)
}
