package session

import (
	"errors"
	"testing"
	"time"

	"culvert/session/wrap"
)

// TestStoppedProcess: silence while this process did not run ends nothing at once; the
// peer has some time to be heard, and a dead one is noticed then.
func TestStoppedProcess(t *testing.T) {
	for _, alive := range []bool{true, false} {
		p := newPair(t, path{delay: time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
			client.Timers = Timers{Ping: 5 * time.Second, PingRestart: 30 * time.Second}
			server.Timers = Timers{Ping: 5 * time.Second}
		})
		p.run(time.Second, p.established)
		p.pass(time.Minute)
		p.client.Deadline()
		p.now = p.now.Add(time.Hour) // and nobody looked
		p.client.Advance(p.now)
		if err := p.client.Err(); err != nil {
			t.Fatalf("ended by silence that nobody listened to: %v", err)
		}
		if alive {
			p.pass(time.Minute)
			if err := p.client.Err(); err != nil {
				t.Errorf("ended, with a peer that answers: %v", err)
			}
			continue
		}
		p.drop = func(from *end, _ []byte) bool { return from == p.server }
		woke := p.now
		p.run(time.Minute, func() bool { return p.client.Err() != nil })
		if took := p.now.Sub(woke); !errors.Is(p.client.Err(), ErrPingTimeout) || took < regain-time.Second || took > regain+time.Second {
			t.Errorf("a dead peer is noticed %v after waking: %v", took, p.client.Err())
		}
	}
}

// TestKnock: a peer answers at once, however idle the tunnel is.
func TestKnock(t *testing.T) {
	p := newPair(t, path{delay: 10 * time.Millisecond}, nil)
	p.run(time.Second, p.established)
	p.pass(time.Minute)
	asked := p.now
	p.client.Ping(true)
	p.pass(time.Second)
	heard := p.client.Data().LastAnswer()
	if heard.Before(asked.Add(20*time.Millisecond)) || heard.After(asked.Add(100*time.Millisecond)) {
		t.Errorf("heard %v after asking", heard.Sub(asked))
	}
}
