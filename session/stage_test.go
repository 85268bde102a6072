package session

import (
	"strings"
	"testing"
	"time"

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
			client: "as one does that drops large packets", server: up, notClient: " here)"},
		"the client's hello": {drop: func(p *pair, from *end, b []byte) bool { return from == p.client && large(b) },
			client: up, notClient: " there)"},
		"all once the server has the certificate": {drop: func(p *pair, from *end, b []byte) bool {
			return from == p.server && p.client.next.phase == phaseKeys && b[0]>>3 != byte(wire.PAckV1)
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
