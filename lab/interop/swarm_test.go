//go:build interop

package interop

import (
	"encoding/json"
	"testing"
)

// TestSwarm: a swarm comes up, is answered, and renews its keys, against either
// server, and nothing goes wrong.
func TestSwarm(t *testing.T) {
	t.Parallel()
	for _, impl := range []implementation{ours, stock} {
		t.Run(impl.name, func(t *testing.T) {
			l := newLab(t)
			c, s := l.host("c"), l.host("s")
			w := l.join(c, s)
			lines := []string{"duplicate-cn", "reneg-sec 3"}
			if impl.name == stock.name {
				lines = append(lines, "connect-freq-initial 1000 1")
			}
			s.run(impl, s.serverConfig(serverParty(t, plain, lines...))).up()
			profile := c.clientConfig(clientParty(t, plain), w.b4)
			text := c.output(culvert(t), "swarm", profile, "--clients", "20", "--traffic", "ping,stream", "--for", "4s", "--json", "--quiet")
			var r struct {
				Up, Stayed, Handshakes, Rekeys int
				Phases                         []struct{ Sent, Answered int }
				Errors                         map[string]any
			}
			if err := json.Unmarshal([]byte(text), &r); err != nil {
				t.Fatal(err)
			}
			if r.Up != 20 || r.Stayed != 20 || r.Handshakes != 20 || len(r.Errors) > 0 {
				t.Errorf("not every client came up and stayed:\n%s", text)
			}
			if r.Rekeys == 0 {
				t.Error("no keys were renewed")
			}
			for _, p := range r.Phases {
				if p.Answered == 0 || p.Answered > p.Sent {
					t.Errorf("of %d packets %d were answered", p.Sent, p.Answered)
				}
			}
		})
	}
}
