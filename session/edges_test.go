package session

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/negotiate"
	"culvert/session/seal"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestShutOut: from then on no data passes, the client hears why, and the
// session ends.
func TestShutOut(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	p.server.ShutOut(p.now, "revoked")
	packet := buf.New(1500)
	packet.Set([]byte("an IP packet"))
	if err := p.server.data.Seal(p.now, packet); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("data is sent still: %v", err)
	}
	if p.server.ShutOut(p.now, "twice") {
		t.Error("shut out twice")
	}
	p.run(time.Second, func() bool { return p.client.Err() != nil && p.server.Err() != nil })
	var failed *AuthFailedError
	if !errors.As(p.client.Err(), &failed) || failed.Reason != "revoked" || p.server.Err() != ErrExit {
		t.Errorf("ended with %v and %v", p.client.Err(), p.server.Err())
	}
	if p.server.ShutOut(p.now, "at the end") {
		t.Error("shut out at the end")
	}

	deaf := newPair(t, path{delay: time.Millisecond}, nil)
	deaf.run(time.Second, deaf.established)
	deaf.pass(100 * time.Millisecond)
	deaf.path.loss = 1
	began := deaf.now
	deaf.server.ShutOut(deaf.now, "revoked")
	deaf.run(time.Minute, func() bool { return deaf.server.Err() != nil })
	if took := deaf.now.Sub(began); took != refusalTime {
		t.Errorf("one that hears nothing is given %v", took)
	}
}

// TestShutOutEarly: whoever is not in yet is refused, and whoever has not come
// as far as a verdict is gone at once.
func TestShutOutEarly(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.admit = func(*Hello) { p.server.ShutOut(p.now, "revoked") }
	p.run(time.Minute, func() bool { return p.client.Err() != nil })
	var failed *AuthFailedError
	if !errors.As(p.client.Err(), &failed) || failed.Reason != "revoked" || p.server.Established() {
		t.Errorf("ended with %v, established %v", p.client.Err(), p.server.Established())
	}
	p = newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, func() bool { return p.server.Session != nil })
	if p.server.ShutOut(p.now, "revoked"); p.server.Err() != ErrExit {
		t.Errorf("in its handshake: %v", p.server.Err())
	}
}

// TestPeerRenewsInTime: not before a second is over, since the last keys or the
// last attempt.
func TestPeerRenewsInTime(t *testing.T) {
	for name, c := range map[string]struct {
		installed, softened time.Duration // ago
		ok                  bool
	}{"both long ago": {time.Hour, time.Hour, true}, "keys a second ago": {minKeyAge, time.Hour, true}, "keys just now": {minKeyAge - 1, time.Hour, false},
		"an attempt a second ago": {time.Hour, minKeyAge, true}, "an attempt just now": {time.Hour, minKeyAge - 1, false}} {
		p := newPair(t, path{delay: time.Millisecond}, nil)
		p.run(time.Second, p.established)
		s := p.server.Session
		s.keys.active.installed, s.control.renewal.begun = p.now.Add(-c.installed), p.now.Add(-c.softened)
		g, err := s.control.generationFor(p.now, &wire.Control{Op: wire.PControlSoftResetV1, Session: s.port.remote, Key: s.keys.active.id.Next()})
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrStray) || c.ok && g != s.keys.next {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhoIsExplained: a first handshake that waits for the path or the peer's
// program.
func TestWhoIsExplained(t *testing.T) {
	for _, c := range []struct {
		server bool
		generation
		want bool
	}{
		{false, generation{phase: phaseReset}, true}, {false, generation{phase: phasePush}, true}, {false, generation{phase: phaseActive}, false},
		{true, generation{phase: phaseKeys}, true}, {true, generation{phase: phaseVerdict}, false}, {true, generation{phase: phasePush}, false},
		{false, generation{phase: phaseKeys, explained: true}, false}, {false, generation{phase: phaseKeys, pending: true}, false},
	} {
		s := newSession(Config{Server: c.server}, nil, time.Unix(1_800_000_000, 0))
		if got := s.handshake.takesLong(&c.generation); got != c.want {
			t.Errorf("server %v, %+v: %v", c.server, c.generation, got)
		}
		if s.keys.active = new(generation); s.handshake.takesLong(&c.generation) {
			t.Errorf("server %v: a renewal is explained", c.server)
		}
	}
}

// TestOutOfTurn: what nobody waits for changes nothing.
func TestOutOfTurn(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	for name, err := range map[string]error{
		"Pend at a client": p.client.Pend(p.now, time.Minute, ""), "Pend at rest": p.server.Pend(p.now, time.Minute, ""),
		"Admit twice": p.server.Admit(p.now, negotiate.Params{}, nil), "Refuse at rest": p.server.Refuse(p.now, ""), "Refuse at a client": p.client.Refuse(p.now, ""),
	} {
		if err != errNoVerdict {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, e := range []*end{p.client, p.server} {
		e.Login("eve", "secret")
		if e.handshake.login.username == "eve" || e.Err() != nil {
			t.Errorf("a login that nobody asked for is kept; %v", e.Err())
		}
	}
	p.server.Readmit(p.now, 0)
	p.server.Expel(p.now, 0, "")
	p.pass(time.Second)
	p.exchange(p.client, p.server)
}

func TestSealNeedsKeys(t *testing.T) {
	s := NewClient(testConfig(t, false), time.Unix(1_800_000_000, 0))
	defer s.Close()
	packet := buf.New(100)
	packet.Set([]byte("text"))
	if err := s.data.Seal(s.data.born.Add(time.Second), packet); !errors.Is(err, seal.ErrNoKey) || s.data.lastSent.Load() != 0 {
		t.Errorf("%v, sent after %d ns", err, s.data.lastSent.Load())
	}
}

// TestStaticFraming: what the configuration says, since nobody can be asked.
func TestStaticFraming(t *testing.T) {
	for fragment, want := range map[int]bool{0: false, 500: true} {
		s := NewStatic(Config{Fragment: fragment}, nil, time.Unix(1_800_000_000, 0))
		if got := s.data.stage.Load() != nil; got != want || s.handshake.params.Fragments != want {
			t.Errorf("fragment %d: a stage %v, %+v", fragment, got, s.handshake.params)
		}
	}
}

// TestMostUnread: so much may arrive that nobody has taken, and not a byte more.
func TestMostUnread(t *testing.T) {
	for more, want := range map[int]error{0: nil, 1: errTooMuch} {
		a, b := newTLSMachine(testTLS(t, false), false), newTLSMachine(testTLS(t, true), true)
		defer a.Close()
		defer b.Close()
		shuttle(a, b)
		for _, n := range []int{maxPlain, more} {
			if err := a.Write(make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			shuttle(a, b)
		}
		if b.err != want || len(b.plain) != maxPlain+more {
			t.Errorf("%d bytes arrived: %v, want %v", len(b.plain), b.err, want)
		}
	}
}

// TestMostUnsent: so much may wait to be sent.
func TestMostUnsent(t *testing.T) {
	m := new(tlsMachine)
	c := (*memoryConn)(m)
	for _, step := range []struct {
		n  int
		ok bool
	}{{0, true}, {maxUnsent - 10, true}, {11, false}, {10, true}, {1, false}, {0, true}} {
		if n, err := c.Write(make([]byte, step.n)); (err == nil) != step.ok || step.ok && n != step.n || !step.ok && err != errUnsent {
			t.Errorf("%d bytes more, of %d: %d, %v", step.n, m.out.size, n, err)
		}
	}
}

func TestOffer(t *testing.T) {
	for want, c := range map[string]*tls.Config{
		"only TLS 1.3 ":                      {MinVersion: tls.VersionTLS13},
		"TLS 1.3, and TLS 1.2 with key ":     {MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13},
		"TLS 1.3, and TLS 1.2 with the ciph": {MinVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
		"TLS 1.2 with key ":                  {MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12},
	} {
		if got := offer(c); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestPermanentFailures: what the peer said holds the next time, too.
func TestPermanentFailures(t *testing.T) {
	for _, c := range []struct {
		err       error
		permanent bool
		text      string
	}{
		{nil, false, "handshake did not finish in time: far"}, {errFellSilent, false, "handshake failed: the server fell silent"},
		{tls.RecordHeaderError{Msg: "noise"}, false, "handshake failed: "}, {errors.New("no"), true, "handshake failed: no"},
	} {
		e := &HandshakeError{Stage: "far", Err: c.err}
		if e.Permanent() != c.permanent || !strings.HasPrefix(e.Error(), c.text) || e.Unwrap() != c.err {
			t.Errorf("%v: permanent %v", e, e.Permanent())
		}
	}
}

// TestForgeriesAreReportedSeldom: once in the interval of reports.
func TestForgeriesAreReportedSeldom(t *testing.T) {
	for ago, want := range map[time.Duration]int{0: 0, reportInterval - 1: 0, reportInterval: 1} {
		p := newPair(t, path{delay: time.Millisecond}, nil)
		p.run(time.Second, p.established)
		s := p.server.Session
		s.keys.active.tls.err, s.control.forged = errors.New("noise"), p.now.Add(-ago)
		s.Events()
		s.control.abandonTLS(p.now, s.keys.active)
		if n := count[Remark](s.Events()); n != want {
			t.Errorf("%v after the last: %d remarks", ago, n)
		}
		p.exchange(p.client, p.server)
	}
}

// TestLoginThatCannotBeSent ends the handshake at once.
func TestLoginThatCannotBeSent(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) { client.Username = "a\x00b" })
	p.run(time.Second, func() bool { return p.client.Err() != nil })
	if !errors.Is(p.client.Err(), wire.ErrMalformed) {
		t.Errorf("ended with %v", p.client.Err())
	}
}

// TestFirstKeysServeAtOnce: a server sends with them before it hears any more,
// and with later ones not before the client has shown that it has them.
func TestFirstKeysServeAtOnce(t *testing.T) {
	p := newPair(t, path{delay: 10 * time.Millisecond}, nil)
	p.run(time.Second, func() bool { return p.server.Session != nil && p.server.Established() })
	if !p.server.keys.active.sending {
		t.Error("the first keys wait")
	}
	p.run(time.Second, p.established)
	p.pass(2 * minKeyAge)
	p.client.control.softReset(p.now)
	p.run(time.Second, func() bool { return count[Rekeyed](p.server.events) == 1 })
	if p.server.keys.active.sending {
		t.Error("the second are used before the client has shown to have them")
	}
	p.run(time.Second, p.established)
}

// TestReadmitted: a client that may stay does, and nothing else is reported.
func TestReadmitted(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, func(_, server *Config, _ *wrap.Armour) { server.Reauthenticate = true })
	p.run(time.Second, p.established)
	p.pass(2 * minKeyAge)
	p.client.control.softReset(p.now)
	p.run(time.Second, func() bool { return count[Reauth](p.server.events) == 1 })
	p.server.Readmit(p.now, p.server.keys.active.id) // not the key that is asked for
	if p.server.keys.next == nil {
		t.Fatal("the keys in use are readmitted")
	}
	p.server.Readmit(p.now, p.server.keys.next.id)
	p.run(time.Second, func() bool { return p.client.keys.active.id == 1 && p.established() })
	if n := count[Closed](p.server.events) + count[RekeyFailed](p.server.events); n != 0 || p.server.keys.active.id != 1 {
		t.Errorf("%d ends are reported, key %d is in use", n, p.server.keys.active.id)
	}
	p.exchange(p.server, p.client)
}

// TestLongestChallengeAnswer: the most that a client may answer, and a byte more.
func TestLongestChallengeAnswer(t *testing.T) {
	s := newSession(Config{Server: true}, nil, time.Unix(1_800_000_000, 0))
	for _, c := range []struct {
		text string
		want int
	}{{strings.Repeat("x", maxChallengeAnswer), 1}, {strings.Repeat("x", maxChallengeAnswer+1), 0}, {"a\nb", 0}, {"a\rb", 0}, {"", 1}} {
		if s.challengeAnswered(c.text); count[ChallengeAnswered](s.Events()) != c.want {
			t.Errorf("%d bytes: want %d events", len(c.text), c.want)
		}
	}
}

// TestPushRequestWithoutServerMode is explained, and nothing else is.
func TestPushRequestWithoutServerMode(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		p2p  bool
		verb string
		want string // what is said; "" for nothing
	}{{true, "PUSH_REQUEST", "the peer asks for a push"}, {true, "INFO", "INFO,x"}, {false, "PUSH_REQUEST", ""}, {false, "INFO", "INFO,x"}} {
		s := newSession(Config{Server: true, P2P: c.p2p}, nil, now)
		s.receive(now, c.verb, "x")
		said := ""
		for _, e := range s.Events() {
			if info, ok := e.(Info); ok {
				said += info.Text
			}
		}
		if !strings.HasPrefix(said, c.want) || (said == "") != (c.want == "") {
			t.Errorf("p2p %v, %s: %q", c.p2p, c.verb, said)
		}
	}
}

// TestFilterPushed: what the filter leaves is what is pushed, and what it refuses
// ends the session.
func TestFilterPushed(t *testing.T) {
	refusal := errors.New("not this")
	for _, want := range []error{nil, refusal} {
		p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
			client.FilterPushed = func(options []string) ([]string, error) { return options[1:], want }
		})
		p.run(time.Second, func() bool { return p.client.Err() != nil || p.client.Established() })
		if !errors.Is(p.client.Err(), want) || (p.client.Err() == nil) != (want == nil) {
			t.Errorf("ended with %v, want %v", p.client.Err(), want)
		}
		if want == nil && find[Pushed](p.client.events).Options[0] != "topology subnet" {
			t.Errorf("pushed %q", find[Pushed](p.client.events).Options)
		}
	}
}
