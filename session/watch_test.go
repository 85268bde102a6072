package session

import (
	"errors"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/wrap"
)

// TestInactive tells a tunnel in use from one that only pings.
func TestInactive(t *testing.T) {
	for name, c := range map[string]struct {
		bytes int64         // of `inactive`
		every time.Duration // a packet of 100 bytes is sent; 0: none
		idle  bool
	}{
		"pings alone":           {0, 0, true},
		"a packet now and then": {0, 50 * time.Second, false},
		"too rarely":            {0, 70 * time.Second, true},
		"enough bytes":          {150, 20 * time.Second, false},
		"too few bytes":         {1000, 20 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
				client.Timers = Timers{Ping: 5 * time.Second, PingRestart: time.Minute, Inactive: time.Minute, InactiveBytes: c.bytes}
				server.Timers = Timers{Ping: 5 * time.Second}
			})
			p.run(time.Second, p.established)
			for passed := time.Duration(0); passed < 10*time.Minute; passed += 10 * time.Second {
				if c.every > 0 && passed%c.every == 0 {
					packet := buf.New(100)
					packet.Set(make([]byte, 100))
					if err := p.client.data.Seal(p.now, packet); err != nil {
						t.Fatal(err)
					}
				}
				p.pass(10 * time.Second)
			}
			if idle := count[Idle](p.client.events) > 0; idle != c.idle {
				t.Errorf("idle %v, want %v", idle, c.idle)
			}
			if p.client.Err() != nil {
				t.Errorf("ended with %v: that is for its owner to say", p.client.Err())
			}
		})
	}
}

// TestIdleIsTimely: the time counts from the last packet, of either side.
func TestIdleIsTimely(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
		client.Timers.Inactive = time.Minute
	})
	p.run(time.Second, p.established)
	p.pass(50 * time.Second)
	p.exchange(p.server, p.client)
	last := p.now
	p.run(2*time.Minute, func() bool { return count[Idle](p.client.events) > 0 })
	if after := p.now.Sub(last); after < 59*time.Second || after > 61*time.Second {
		t.Errorf("idle %v after the last packet", after)
	}
}

// TestPingExit ends a session by silence, in its handshake as well.
func TestPingExit(t *testing.T) {
	for name, answered := range map[string]bool{"nobody answers": false, "the peer falls silent": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
				client.Timers = Timers{Ping: 5 * time.Second, PingExit: 20 * time.Second}
			})
			if answered {
				p.run(time.Second, p.established)
			}
			p.path.loss = 1
			began := p.now
			p.run(time.Minute, func() bool { return p.client.Err() != nil })
			if !errors.Is(p.client.Err(), ErrPingExit) || p.now.Sub(began) > 21*time.Second {
				t.Errorf("ended with %v after %v", p.client.Err(), p.now.Sub(began))
			}
		})
	}
}

// TestRenegotiationAgeIsDrawn: the age of keys lies anywhere between the two
// values of reneg-sec.
func TestRenegotiationAgeIsDrawn(t *testing.T) {
	s := newSession(Config{RenegAfter: time.Hour, RenegLeast: 30 * time.Minute}, nil, time.Unix(1_800_000_000, 0))
	early, late := false, false
	for range 1000 {
		s.scheduleRenegotiation(s.born)
		age := s.renegotiate.Sub(s.born)
		if age < 30*time.Minute || age > time.Hour {
			t.Fatalf("age %v", age)
		}
		early, late = early || age < 35*time.Minute, late || age > 55*time.Minute
	}
	if !early || !late {
		t.Errorf("drawn early %v, late %v", early, late)
	}
}

// TestNoInactiveTimer: without one nobody is idle.
func TestNoInactiveTimer(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	p.client.events = nil
	for range 3 {
		p.now = p.now.Add(time.Hour)
		p.client.advanceWatch(p.now)
	}
	if n := count[Idle](p.client.Events()); n != 0 || p.client.Err() != nil {
		t.Errorf("%d times idle, %v", n, p.client.Err())
	}
}
