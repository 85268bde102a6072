package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"culvert/session/wrap"
)

// readsAsOpenVPN has an end read control messages as OpenVPN does: while keys are renewed,
// only inside the TLS connection that is new, and there once the keys are exchanged.
func readsAsOpenVPN(reader *end) func(*end) {
	return func(e *end) {
		if e == reader && e.keys.next != nil && e.keys.active != nil {
			e.keys.active.phase = phaseVerdict // exchanges no keys, reads no message
		}
	}
}

// TestToldWhileRenewing: whatever moment of a renewal it is, and whoever began it, the
// client hears what the server says.
func TestToldWhileRenewing(t *testing.T) {
	tellings := map[string]telling{
		"shut out": {
			func(p *pair) { p.server.ShutOut(p.now, "disabled") },
			func(p *pair) bool {
				failed, ok := errors.AsType[*AuthFailedError](p.client.Err())
				return ok && failed.Reason == "disabled"
			},
		},
		"restart": {
			func(p *pair) { p.server.Dismiss(p.now, "RESTART,moves") },
			func(p *pair) bool { _, ok := errors.AsType[*RestartError](p.client.Err()); return ok },
		},
		"a change": {
			func(p *pair) {
				if err := p.server.PushUpdate([]string{"route 10.1.0.0 255.255.0.0"}); err != nil {
					p.t.Fatal(err)
				}
			},
			func(p *pair) bool { return hasEvent[PushUpdated](p.client) },
		},
		"several": {
			func(p *pair) {
				p.server.Send("INFO,one")
				p.server.Send("INFO,two")
			},
			func(p *pair) bool {
				var told []string
				for _, event := range p.client.events {
					if info, ok := event.(Info); ok {
						told = append(told, info.Text)
					}
				}
				return slices.Equal(told, []string{"INFO,one", "INFO,two"}) ||
					slices.Equal(told, []string{"INFO,one", "INFO,two", "INFO,one", "INFO,two"})
			},
		},
	}
	for name, w := range tellings {
		for _, r := range []renewed{{}, {asks: true}, {server: true}, {server: true, asks: true}} {
			for after := -2 * trip; after < 14*trip; after += trip {
				t.Run(fmt.Sprintf("%s/server begins %v/asks %v/%v", name, r.server, r.asks, after), func(t *testing.T) {
					w.at(t, path{delay: trip}, r, after, time.Second)
				})
				t.Run(fmt.Sprintf("%s/server begins %v/asks %v/%v/with loss", name, r.server, r.asks, after), func(t *testing.T) {
					w.at(t, path{delay: trip, jitter: 2 * trip, loss: 0.2, duplicate: 0.1}, r, after, 50*time.Second)
				})
			}
		}
	}
}

// trip is how long a packet takes.
const trip = 10 * time.Millisecond

// telling is something that a server says.
type telling struct {
	tell  func(*pair)
	heard func(*pair) bool
}

// renewed is how keys are renewed: who begins, and whether the server decides anew.
type renewed struct{ server, asks bool }

// at has a server say it some time after its client's keys begin to be renewed, and fails if
// that is not heard in time.
func (w telling) at(t *testing.T, over path, r renewed, after, limit time.Duration) {
	p := newPair(t, over, func(client, by *Config, _ *wrap.Armour) {
		by.Reauthenticate = r.asks
		if r.server {
			client = by
		}
		client.RenegAfter = time.Minute
	})
	p.run(30*time.Second, p.established)
	p.meddle = readsAsOpenVPN(p.client)
	p.pass(time.Minute + after)
	w.tell(p)
	p.pass(10 * trip)
	p.run(limit, func() bool {
		if r.asks {
			p.server.Readmit(p.now, 1) // once it does
			p.turn(p.server)
		}
		return w.heard(p)
	})
}
