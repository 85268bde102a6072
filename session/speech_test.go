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
	const trip = 10 * time.Millisecond
	tellings := map[string]struct {
		tell  func(*pair)
		heard func(*pair) bool
	}{
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
	for name, telling := range tellings {
		for _, server := range []bool{false, true} {
			for _, asks := range []bool{false, true} {
				for after := -2 * trip; after < 14*trip; after += trip {
					t.Run(fmt.Sprintf("%s/server begins %v/asks %v/%v", name, server, asks, after), func(t *testing.T) {
						p := newPair(t, path{delay: trip}, func(client, by *Config, _ *wrap.Armour) {
							by.Reauthenticate = asks
							if server {
								client = by
							}
							client.RenegAfter = time.Minute
						})
						p.run(time.Second, p.established)
						p.meddle = readsAsOpenVPN(p.client)
						begins := p.now.Add(time.Minute)
						p.pass(begins.Add(after).Sub(p.now))
						telling.tell(p)
						if asks {
							p.pass(10 * trip)
							p.server.Readmit(p.now, 1)
						}
						p.run(time.Second, func() bool { return telling.heard(p) })
					})
				}
			}
		}
	}
}
