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

// newTestWatch is a watch over a data channel that nothing has passed yet.
func newTestWatch(t Timers) *watch { return &watch{timers: t, data: newData(0, nil, virtual)} }

// TestSilenceEndsInTime: to the nanosecond, and never without a timer.
func TestSilenceEndsInTime(t *testing.T) {
	for name, c := range map[string]struct {
		Timers
		established, pulls bool
		want               error
	}{
		"ping-exit":                {Timers{PingExit: 10 * time.Second}, true, false, ErrPingExit},
		"ping-exit early":          {Timers{PingExit: 10 * time.Second}, false, false, ErrPingExit},
		"ping-restart":             {Timers{PingRestart: 10 * time.Second}, true, false, ErrPingTimeout},
		"ping-restart of a client": {Timers{PingRestart: 10 * time.Second}, false, true, ErrPingTimeout},
		"ping-restart too early":   {Timers{PingRestart: 10 * time.Second}, false, false, nil},
		"both":                     {Timers{PingExit: 10 * time.Second, PingRestart: 10 * time.Second}, true, false, ErrPingExit},
		"none":                     {Timers{}, true, false, nil},
	} {
		w := newTestWatch(c.Timers)
		w.pulls = c.pulls
		heard := virtual.Add(time.Second)
		w.data.noteReceived(heard)
		if idle, err := w.advance(heard.Add(10*time.Second-1), c.established); idle || err != nil {
			t.Errorf("%s: too soon: %v, %v", name, idle, err)
		}
		if idle, err := w.advance(heard.Add(10*time.Second), c.established); idle || err != c.want {
			t.Errorf("%s: %v, %v", name, idle, err)
		}
		var first time.Time
		w.deadlines(c.established, func(at time.Time) { first = at })
		if c.want != nil != first.Equal(heard.Add(10*time.Second)) {
			t.Errorf("%s: due at %v", name, first)
		}
	}
}

// TestInactiveBytes: as many as `inactive` says are enough, one less is not.
func TestInactiveBytes(t *testing.T) {
	for carried, idle := range map[int64]bool{0: true, 99: true, 100: false, 101: false} {
		w := newTestWatch(Timers{Inactive: time.Minute, InactiveBytes: 100})
		w.bytes, w.since = 1000, virtual
		w.data.sent.bytes.Store(600)
		w.data.received.bytes.Store(400 + carried)
		if early, _ := w.advance(virtual.Add(time.Minute-1), true); early {
			t.Errorf("%d bytes: idle too soon", carried)
		}
		if got, _ := w.advance(virtual.Add(time.Minute), true); got != idle {
			t.Errorf("%d bytes: idle %v", carried, got)
		}
		if w.bytes != 1000+carried || !w.idleAt().Equal(virtual.Add(2*time.Minute)) {
			t.Errorf("%d bytes: next by %+v", carried, w)
		}
	}
}

// TestInactiveBegins: the time counts from when data can pass.
func TestInactiveBegins(t *testing.T) {
	w := newTestWatch(Timers{Inactive: time.Minute})
	for _, step := range []struct {
		after       time.Duration
		established bool
		idle        bool
	}{{time.Hour, false, false}, {2 * time.Hour, true, false}, {2*time.Hour + time.Minute - 1, true, false}, {2*time.Hour + time.Minute, true, true}} {
		if idle, err := w.advance(virtual.Add(step.after), step.established); idle != step.idle || err != nil {
			t.Errorf("%+v: %v, %v", step, idle, err)
		}
	}
}

// TestNoInactiveTimer: without one nobody is idle.
func TestNoInactiveTimer(t *testing.T) {
	w := newTestWatch(Timers{})
	for hour := range 3 {
		if idle, err := w.advance(virtual.Add(time.Duration(hour)*time.Hour), true); idle || err != nil {
			t.Errorf("hour %d: %v, %v", hour, idle, err)
		}
	}
}

// TestLimit: a session expires once, so long after data could pass first, whatever it
// carries. A limit that comes later counts from there too.
func TestLimit(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
		client.Timers.Limit = time.Minute
	})
	p.run(time.Second, p.established)
	up := p.now
	p.pass(58 * time.Second)
	p.exchange(p.server, p.client)
	if n := count[Expired](p.client.events); n != 0 {
		t.Errorf("expired %d times before", n)
	}
	p.run(10*time.Second, func() bool { return count[Expired](p.client.events) > 0 })
	if passed := p.now.Sub(up); passed < 59*time.Second || passed > 61*time.Second {
		t.Errorf("expired after %v", passed)
	}
	p.pass(5 * time.Minute)
	if n := count[Expired](p.client.events); n != 1 || p.client.Err() != nil {
		t.Errorf("expired %d times, ended with %v", n, p.client.Err())
	}
	p.server.SetTimers(Timers{Limit: p.now.Sub(up) + 30*time.Second})
	p.pass(29 * time.Second)
	if n := count[Expired](p.server.events); n != 0 {
		t.Error("the server expired before")
	}
	p.pass(2 * time.Second)
	if n := count[Expired](p.server.events); n != 1 {
		t.Errorf("the server expired %d times", n)
	}
}
