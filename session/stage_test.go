package session

import (
	"strings"
	"testing"
	"time"

	"culvert/session/reliable"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestDelayedIsExplained: five seconds into a handshake that does not end, both
// ends say what they know of it, once. Large packets that are lost are blamed on
// the direction they are lost in, and nowhere else.
func TestDelayedIsExplained(t *testing.T) {
	const up = "(try max-packet-size 600 here)"
	large := func(b []byte) bool { return len(b) > 600 }
	for name, c := range map[string]struct {
		drop                      func(p *pair, from *end, b []byte) bool
		client, server, notClient string
	}{
		"all that is large to the client": {drop: func(p *pair, from *end, b []byte) bool { return from == p.server && large(b) },
			client: "as a path does that drops large packets", server: up, notClient: " here)"},
		"the client's hello": {drop: func(p *pair, from *end, b []byte) bool { return from == p.client && large(b) },
			client: up, notClient: " there)"},
		"all once the server has the certificate": {drop: func(p *pair, from *end, b []byte) bool {
			return from == p.server && p.client.keys.next.phase == phaseKeys && b[0]>>3 != byte(wire.PAckV1)
		}, client: "has sent nothing of its own since", notClient: "max-packet-size"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: 10 * time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
				client.TLS, server.TLS = namedTLS(t, "client", 2000), namedTLS(t, "server", 2000)
			})
			p.drop = func(from *end, b []byte) bool { return c.drop(p, from, b) }
			p.pass(explainAfter - time.Millisecond)
			if count[Delayed](p.client.events) != 0 {
				t.Error("explained too early")
			}
			p.pass(20 * time.Second)
			for who, said := range map[*end]string{p.client: c.client, p.server: c.server} {
				if who.Session == nil || said == "" {
					continue
				}
				if got := find[Delayed](who.events).Stage; !strings.Contains(got, said) || count[Delayed](who.events) != 1 {
					t.Errorf("server %v: said %q, want %q", who == p.server, got, said)
				}
			}
			if got := find[Delayed](p.client.events).Stage; c.notClient != "" && strings.Contains(got, c.notClient) {
				t.Errorf("the client said %q", got)
			}
		})
	}
}

// TestStages: each says what is waited for.
func TestStages(t *testing.T) {
	for p, want := range map[phase]string{
		phaseReset: "has not answered the reset", phaseVerdict: "check of the peer's login has not ended", phasePush: "has not sent its push reply", phaseActive: "data keys are in place",
	} {
		g := generation{heard: true, phase: p}
		if got := g.stage(); !strings.Contains(got, want) {
			t.Errorf("phase %d: %q, want %q", p, got, want)
		}
		if g.heard = false; !strings.HasPrefix(g.stage(), "nothing was received") {
			t.Errorf("phase %d, nothing heard: %q", p, g.stage())
		}
	}
}

// TestLargePackets: what a path that lets small packets through may have no room
// for.
func TestLargePackets(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for size, want := range map[int]bool{largePacket: false, largePacket + 1: true} {
		g := generation{heard: true, phase: phaseTLS, tls: &tlsMachine{answered: true}, ch: reliable.New(0, time.Second)}
		g.ch.Send(wire.PControlV1, make([]byte, size))
		for range 2 {
			g.ch.Poll(now)
			now = now.Add(time.Minute)
		}
		if got := strings.Contains(g.stage(), narrowOut); got != want {
			t.Errorf("%d bytes are blamed: %v", size, got)
		}
	}
}
