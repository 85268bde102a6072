//go:build interop

package interop

import (
	"regexp"
	"testing"
	"time"
)

// handshake is the line of both programs for each TLS handshake that came to
// its end, the first one and every renegotiation.
var handshake = regexp.MustCompile(`Control Channel: TLSv1`)

const renegotiations = 5

// longStall is longer than a busy machine holds a stream up. One whose keys the
// other side does not have stands until they are renewed again, or for good.
const longStall = 2500 * time.Millisecond

// TestRenegotiation moves bytes both ways while one side renegotiates five
// times: nothing may be lost, reset or held up.
func TestRenegotiation(t *testing.T) {
	t.Parallel()
	for _, who := range everyone {
		for _, initiator := range []string{"client", "server"} {
			t.Run(who.name()+"/by-"+initiator, func(t *testing.T) {
				t.Parallel()
				renegotiate(t, who, initiator)
			})
		}
	}
}

func renegotiate(t *testing.T, who pairing, initiator string) {
	server, client := serverParty(t, plain, "reneg-sec 0"), clientParty(t, plain, "reneg-sec 0")
	if initiator == "server" {
		server.extra = []string{"reneg-sec 3 3"}
	} else {
		client.extra = []string{"reneg-sec 3"}
	}
	tun := connect(t, who, server, client)
	flows := tun.pace()
	for _, p := range []*process{tun.clientProc, tun.serverProc} {
		p.expect(handshake, 1+renegotiations, 2*patience)
	}
	flows.finish(t, longStall)
}

// paced is a steady stream each way through a tunnel, and one beside it: how
// long that one stalls is the machine's doing, not the tunnel's.
type paced struct{ up, down, beside flow }

func (tun *tunnel) pace() paced {
	return paced{
		up:     startFlow(tun.client, tun.server, serverIPv4, "pace"),
		down:   startFlow(tun.server, tun.client, tun.clientIPv4.prefix.Addr(), "pace"),
		beside: startFlow(tun.client, tun.server, tun.remote, "pace"),
	}
}

// finish ends the streams and checks that all arrived and that none stalled
// for more than the limit.
func (p paced) finish(t *testing.T, limit time.Duration) {
	t.Helper()
	up, down, beside := p.up.finish(t), p.down.finish(t), p.beside.finish(t)
	t.Logf("longest gap: up %v, down %v, beside the tunnel %v", up.Longest, down.Longest, beside.Longest)
	if got := max(up.Longest, down.Longest); got > limit+beside.Longest {
		t.Errorf("a stall of %v; at most %v is right, and %v were the machine's", got, limit, beside.Longest)
	}
}
