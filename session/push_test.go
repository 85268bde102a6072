package session

import (
	"errors"
	"testing"
	"time"

	"culvert/session/wrap"
)

// undecided is a pair whose server has the client's keys, and has not decided
// about it. The client takes no push unasked.
func undecided(t *testing.T, tune func(client *Config)) (*pair, *Hello) {
	t.Helper()
	p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
		client.PeerInfo["IV_PROTO"] = "2"
		if tune != nil {
			tune(client)
		}
	})
	var hello *Hello
	p.admit = func(h *Hello) { hello = h }
	p.run(time.Second, func() bool { return hello != nil && p.server.handshake.verdict.requested })
	return p, hello
}

// TestPushIsAskedForSoon has a server that, as OpenVPN 2.4 does, passes over
// what was asked before it let the client in.
func TestPushIsAskedForSoon(t *testing.T) {
	p, hello := undecided(t, nil)
	began := p.now
	p.pass(500 * time.Millisecond)
	p.server.handshake.verdict.requested = false
	p.admitHello(hello, nil)
	p.run(10*time.Second, p.established)
	if took := p.now.Sub(began); took > 1100*time.Millisecond {
		t.Errorf("the client asked again after %v", took)
	}
}

// TestPushIsWaitedFor: a server that only acknowledges is given the time of a
// handshake.
func TestPushIsWaitedFor(t *testing.T) {
	p, hello := undecided(t, func(client *Config) { client.Timers.PingRestart = 10 * time.Second })
	p.pass(50 * time.Second)
	p.admitHello(hello, nil)
	p.run(time.Second, p.established)
}

// TestServerGoneBeforeItsPush: it was started anew, and answers nothing.
func TestServerGoneBeforeItsPush(t *testing.T) {
	for name, c := range map[string]struct {
		restart, within time.Duration
		want            error
	}{
		"without ping-restart":  {0, pushSilence, errFellSilent},
		"with ping-restart 120": {2 * time.Minute, pushSilence, errFellSilent},
		"with a shorter one":    {5 * time.Second, 5 * time.Second, ErrPingTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := undecided(t, func(client *Config) { client.Timers.PingRestart = c.restart })
			p.path.loss = 1
			began := p.now
			p.run(time.Minute, func() bool { return p.client.Err() != nil })
			if took := p.now.Sub(began); !errors.Is(p.client.Err(), c.want) || took > c.within+time.Second {
				t.Errorf("ended after %v with %v", took, p.client.Err())
			}
		})
	}
}

// TestPingRestartInTheHandshake holds for a client, as with OpenVPN.
func TestPingRestartInTheHandshake(t *testing.T) {
	p := newPair(t, path{loss: 1}, func(client, _ *Config, _ *wrap.Armour) { client.Timers.PingRestart = 5 * time.Second })
	began := p.now
	p.run(time.Minute, func() bool { return p.client.Err() != nil })
	if took := p.now.Sub(began); !errors.Is(p.client.Err(), ErrPingTimeout) || took != 5*time.Second {
		t.Errorf("ended after %v with %v", took, p.client.Err())
	}
}

// TestPushIsAnsweredAgain each time it is asked for, with all its parts, but not
// while a reply is still on its way.
func TestPushIsAnsweredAgain(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.admit = func(h *Hello) { p.admitHello(h, longPush()) }
	p.run(time.Second, p.established)
	parts := len(p.server.handshake.verdict.reply)
	if parts < 3 {
		t.Fatalf("%d parts", parts)
	}
	for range 3 {
		p.pass(time.Second)
		queued := 0
		p.meddle = func(e *end) {
			if e == p.server {
				queued += len(e.keys.active.tls.out.writes)
				p.meddle = nil
			}
		}
		for range 1000 {
			p.server.receive(p.now, "PUSH_REQUEST", "")
		}
		if p.pass(time.Second); queued != parts {
			t.Errorf("%d messages answer a thousand requests, expected the %d of the first reply", queued, parts)
		}
	}
	if err := p.server.PushUpdate([]string{"-route"}); err != nil {
		t.Fatal(err)
	}
	p.pass(time.Second)
	p.server.receive(p.now, "PUSH_REQUEST", "")
	if !p.server.keys.active.tls.out.empty() {
		t.Error("the push is given again as it was before it was changed")
	}
}
