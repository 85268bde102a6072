//go:build interop

package interop

import (
	"regexp"
	"testing"
)

// handshake is the line of both programs for each TLS handshake that came to
// its end, the first one and every renegotiation.
var handshake = regexp.MustCompile(`Control Channel: TLSv1`)

const renegotiations = 5

// longStall is longer than a busy machine holds a stream up, and than it takes to send again
// what was lost.
const longStall = patience / 2

// keysMissed are the lines of both programs about packets under keys that they do not have,
// or not yet.
var keysMissed = regexp.MustCompile(`not initialized \(yet\), dropping|keys are out of sync|packets failed authentication`)

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
	flows.finish(t)
	if !who.isStock() {
		tun.missNoKeys(t)
	}
}

// missNoKeys: whatever arrived was sealed with keys that were there.
func (tun *tunnel) missNoKeys(t *testing.T) {
	t.Helper()
	for _, p := range []*process{tun.clientProc, tun.serverProc} {
		if n := p.count(keysMissed); n > 0 {
			t.Errorf("%d lines of the %s about packets under keys that it did not have", n, p.name)
		}
	}
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

// finish ends the streams and checks that all arrived and that none stood.
func (p paced) finish(t *testing.T) {
	t.Helper()
	up, down, beside := p.up.finish(t), p.down.finish(t), p.beside.finish(t)
	t.Logf("longest gap: up %v, down %v, beside the tunnel %v", up.Longest, down.Longest, beside.Longest)
	if got := max(up.Longest, down.Longest); got > longStall+beside.Longest {
		t.Errorf("a stall of %v, and %v were the machine's", got, beside.Longest)
	}
}
