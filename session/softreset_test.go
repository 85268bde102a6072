package session

import (
	"testing"
	"time"

	"culvert/session/reliable"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestRekeyWithoutReset has the peer of whoever renews keys do as OpenVPN 3
// does: it acknowledges the soft reset, sends none of its own, and gives its
// first packet of TLS the first packet-id.
func TestRekeyWithoutReset(t *testing.T) {
	bad := path{delay: 10 * time.Millisecond, jitter: 30 * time.Millisecond, loss: 0.2, duplicate: 0.1}
	for name, server := range map[string]bool{"client begins": false, "server begins": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, bad, func(client, by *Config, _ *wrap.Armour) {
				if server {
					client = by
				}
				client.RenegAfter = time.Minute
			})
			p.run(time.Minute, p.established)
			peer := p.server
			if server {
				peer = p.client
			}
			p.meddle = withoutReset(peer)
			for range 100 {
				p.pass(2 * time.Second)
				p.exchange(p.client, p.server)
				p.exchange(p.server, p.client)
			}
			if n, failed := count[Rekeyed](peer.events), count[RekeyFailed](peer.events); n < 3 || failed > 0 {
				t.Errorf("%d renegotiations, and %d that failed", n, failed)
			}
		})
	}
}

// withoutReset takes an end's own soft reset away where the other side began.
func withoutReset(who *end) func(*end) {
	seen := make(map[*generation]bool)
	return func(e *end) {
		g := e.keys.next
		if e != who || g == nil || seen[g] {
			return
		}
		seen[g] = true
		if g.phase == phaseReset {
			return // it began itself
		}
		g.ch = reliable.New(0, e.cfg.TLSTimeout)
		g.ch.Receive(wire.PControlSoftResetV1, 0, nil)
		g.ch.Next()
	}
}
