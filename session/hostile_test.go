package session

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"culvert/session/negotiate"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// brokenRecord is a TLS record that no key opens.
var brokenRecord = append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...)

// breakAfter makes an end send a broken record right behind the first flight
// that leaves a generation in a phase.
func breakAfter(p *pair, who **end, key wire.KeyID, at phase) {
	done := false
	p.meddle = func(e *end) {
		if g := e.keys.next; e == *who && !done && g != nil && g.id == key && g.phase == at && !g.tls.out.empty() {
			g.tls.out.writes[0] = append(g.tls.out.writes[0], brokenRecord...)
			g.tls.out.size += len(brokenRecord)
			done = true
		}
	}
}

// TestBrokenRecordAtRenegotiation: whoever meets it keeps the keys in use.
func TestBrokenRecordAtRenegotiation(t *testing.T) {
	for name, c := range map[string]struct {
		at     phase
		server bool // who breaks it
	}{
		"behind the client's key source": {phaseKeys, false},
		"behind the server's flight":     {phaseTLS, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
				client.RenegAfter, client.HandWindow, server.HandWindow = 10*time.Second, 5*time.Second, 5*time.Second
			})
			p.run(time.Second, p.established)
			who, victim := &p.client, p.server
			if c.server {
				who, victim = &p.server, p.client
			}
			breakAfter(p, who, 1, c.at)
			p.run(20*time.Second, func() bool { return count[RekeyFailed](victim.events) > 0 })
			p.exchange(p.client, p.server)
			p.exchange(p.server, p.client)
			p.run(time.Minute, func() bool { return p.client.keys.active.id == 1 && p.server.keys.active.id == 1 })
			p.exchange(p.server, p.client)
		})
	}
}

// TestBrokenRecordAtFirst: the server must not be asked to decide about a
// client whose session has ended, since nobody would take its lease back.
func TestBrokenRecordAtFirst(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	breakAfter(p, &p.client, 0, phaseKeys)
	p.run(time.Minute, func() bool { return p.server.err() != nil })
	if n := count[*Hello](p.server.events); n != 0 {
		t.Errorf("%d hellos", n)
	}
}

// TestNothingFollowsClosed ends sessions in the midst of everything they do.
func TestNothingFollowsClosed(t *testing.T) {
	for step := range 60 {
		p := newPair(t, path{delay: time.Millisecond}, nil)
		p.run(time.Minute, func() bool { step--; return step < 0 || p.established() })
		for _, e := range []*end{p.client, p.server} {
			if e.Session == nil {
				continue
			}
			e.Close()
			e.Send("INFO,late")
			e.Advance(p.now)
			e.PeerExited()
			e.Dismiss(p.now, "RESTART")
			e.Exit(p.now, 3)
			e.Output(p.now, func([]byte) { t.Error("a closed session sends") })
			if !errors.Is(e.Input(p.now, make([]byte, 50)), ErrExit) {
				t.Error("a closed session takes packets")
			}
			events := append(e.events, e.Events()...)
			for i, event := range events {
				if _, closed := event.(Closed); closed != (i == len(events)-1) {
					t.Fatalf("event %d of %d: %T", i, len(events), event)
				}
			}
			if !e.Deadline().IsZero() || e.Established() {
				t.Error("a closed session goes on")
			}
		}
	}
}

// TestCloseLeavesNothing counts goroutines: the TLS connection runs on one.
func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, wait := range []time.Duration{0, 2 * time.Millisecond, 6 * time.Millisecond, time.Second, time.Minute} {
		p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
			client.RenegAfter = 10 * time.Second
		})
		p.pass(wait)
		p.client.Close()
		if p.server.Session != nil {
			p.server.Close()
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// tell sends bytes as an end's control message on its newest keys.
func (p *pair) tell(from *end, message string) {
	p.t.Helper()
	if err := from.keys.talking().tls.Write([]byte(message)); err != nil {
		p.t.Fatal(err)
	}
}

func TestMessagesWithoutUse(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	const noise = "\x00\x00FROBNICATE\x00INFO,two\x00PUSH_REQUEST\x00\x1b[31mred\x00"
	p.tell(p.client, noise+"PUSH_REPLY,route 1.2.3.4\x00AUTH_FAILED\x00RESTART\x00HALT\x00")
	p.tell(p.server, noise+"PUSH_REPLY,route 1.2.3.4\x00GREMLIN"+strings.Repeat("x", 2000)+"\x00")
	p.pass(time.Second)
	if p.client.Err() != nil || p.server.Err() != nil {
		t.Fatalf("ended: %v, %v", p.client.Err(), p.server.Err())
	}
	if n := count[Pushed](p.client.events); n != 1 {
		t.Errorf("%d pushes taken", n)
	}
	for _, e := range []*end{p.client, p.server} {
		if count[Info](e.events) < 4 {
			t.Errorf("messages reported: %v", e.events)
		}
		for _, event := range e.events {
			if info, ok := event.(Info); ok && (strings.ContainsAny(info.Text, "\x1b\n") || len(info.Text) > 300) {
				t.Errorf("not fit for a log: %q", info.Text)
			}
		}
	}
	p.exchange(p.client, p.server)
}

// TestEndlessMessage sends text that never ends. What is kept of it is bounded.
func TestEndlessMessage(t *testing.T) {
	for _, server := range []bool{true, false} {
		t.Run(fmt.Sprintf("server %v", server), func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, nil)
			p.run(time.Second, p.established)
			from, to := p.client, p.server
			if server {
				from, to = p.server, p.client
			}
			for range 60 {
				p.tell(from, strings.Repeat("x", 10_000))
				p.pass(100 * time.Millisecond)
				if to.Err() != nil {
					break
				}
				if n := len(to.keys.active.tls.plain); n > maxPlain {
					t.Fatalf("%d bytes kept", n)
				}
			}
			if !errors.Is(to.Err(), errTooMuch) {
				t.Errorf("ended with %v", to.Err())
			}
		})
	}
}

// TestMessageBeforeKeys has a peer talk where its keys should be.
func TestMessageBeforeKeys(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Minute, func() bool { return p.server.Session != nil && p.server.keys.next.phase == phaseTLS })
	g := p.server.keys.next
	g.phase = phaseKeys
	g.tls.plain = []byte("PUSH_REQUEST\x00PUSH_REQUEST\x00")
	p.server.step(p.now, g)
	if !errors.Is(p.server.Err(), wire.ErrMalformed) {
		t.Errorf("server ended with %v", p.server.Err())
	}
}

func TestKeysByPRF(t *testing.T) {
	for name, proto := range map[string]string{"P_DATA_V2": "6", "P_DATA_V1": "4", "nothing": "0"} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, func(client, _ *Config, _ *wrap.Armour) {
				client.PeerInfo["IV_PROTO"] = proto
				client.RenegAfter = 10 * time.Second
			})
			p.run(10*time.Second, p.established)
			if p.client.handshake.params.TLSEKM || p.server.handshake.params.TLSEKM || p.client.handshake.params.DataV2 != (proto == "6") {
				t.Errorf("params %+v", p.client.handshake.params)
			}
			p.exchange(p.client, p.server)
			p.exchange(p.server, p.client)
			p.pass(12 * time.Second)
			if p.client.keys.active.id != 1 {
				t.Fatal("not renewed")
			}
			p.exchange(p.client, p.server)
			p.exchange(p.server, p.client)
		})
	}
}

// TestVerdictComesOnce holds Admit and Refuse to their contract.
func TestVerdictComesOnce(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.admit = func(h *Hello) {
		if p.server.Admit(p.now, negotiate.Params{Cipher: "AES-256-GCM"}, []string{"a,b"}) == nil {
			t.Error("an option with a comma was taken")
		}
		if err := p.server.Refuse(p.now, "the first word counts"); err != nil {
			t.Error(err)
		}
		if p.server.Refuse(p.now, "again") == nil {
			t.Error("refused twice")
		}
		if p.server.Admit(p.now, negotiate.ServerParams("AES-256-GCM", 1, h.PeerInfo), nil) == nil {
			t.Error("admitted after all")
		}
	}
	p.run(time.Second, func() bool { return p.client.Err() != nil })
	p.pass(10 * time.Second)
	if p.server.Admit(p.now, negotiate.Params{}, nil) == nil {
		t.Error("admitted when all was over")
	}
	if p.server.Established() {
		t.Error("a refused client has keys")
	}
}

// TestIdleNeedsNoCare counts how often an idle session wants to be called.
func TestIdleNeedsNoCare(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	p.pass(2 * time.Minute)
	for _, e := range []*end{p.client, p.server} {
		now, calls := p.now, 0
		for end := now.Add(30 * time.Minute); ; calls++ {
			next := e.Deadline()
			if next.IsZero() || next.After(end) {
				break
			}
			if next.After(now) {
				now = next
			}
			e.Advance(now)
			e.Output(now, func([]byte) { t.Error("an idle session sends") })
			if calls > 1000 {
				t.Fatal("it never rests")
			}
		}
		if calls > 31 {
			t.Errorf("%d calls in half an hour", calls)
		}
	}
}

// TestStrays gives an established session packets that are authentic but not
// for it.
func TestStrays(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	other := wire.SessionID{1, 2, 3}
	for _, c := range []wire.Control{
		{Op: wire.PControlV1, Session: other},
		{Op: wire.PControlV1, Session: p.client.port.local, Key: 3},
		{Op: wire.PControlSoftResetV1, Session: p.client.port.local, Key: 2},
		{Op: wire.PAckV1, Session: p.client.port.local, Acks: []wire.PacketID{0}, Peer: other},
		{Op: wire.PControlHardResetServerV2, Session: other},
	} {
		err := p.server.Input(p.now, wrap.None{}.Wrap(nil, &c, p.now))
		if !errors.Is(err, ErrStray) {
			t.Errorf("%v for key %d: %v", c.Op, c.Key, err)
		}
	}
	if p.server.Stats().Strays != 5 || p.server.keys.next != nil || p.server.RemoteID() != p.client.port.local {
		t.Errorf("counted %d", p.server.Stats().Strays)
	}
	p.exchange(p.client, p.server)
}

// TestZeroSessionID: a client may choose any session id, and none makes the
// server take another one's packets.
func TestZeroSessionID(t *testing.T) {
	p := newPair(t, path{}, nil)
	p.client.port.local = wire.SessionID{}
	p.run(time.Second, p.established)
	reset := wire.Control{Op: wire.PControlHardResetServerV2, Session: wire.SessionID{9}}
	if err := p.server.Input(p.now, wrap.None{}.Wrap(nil, &reset, p.now)); !errors.Is(err, ErrStray) {
		t.Errorf("took a server's reset: %v", err)
	}
	if !p.server.RemoteID().IsZero() {
		t.Error("the client's session id changed")
	}
}

func FuzzResetPayload(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0, 1})
	f.Add([]byte{0, 7, 0, 1, 9, 0, 1, 0, 2, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if resetWantsWKc(b) && !bytes.Contains(b, []byte{0, 1, 0, 2}) {
			t.Errorf("found a flag in %x", b)
		}
	})
}

// TestRenegotiationFlood: a client that renews keys as fast as it can, or
// breaks off every time, has the server begin once a second at most.
func TestRenegotiationFlood(t *testing.T) {
	for name, broken := range map[string]bool{"renewed": false, "broken off": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: time.Millisecond}, nil)
			p.run(time.Second, p.established)
			begun := make(map[*generation]bool)
			p.meddle = func(e *end) {
				if e == p.server && e.keys.next != nil {
					begun[e.keys.next] = true
				}
				if e != p.client {
					return
				}
				if g := e.keys.next; g != nil && broken && g.tls != nil && !g.tls.out.empty() {
					g.tls.out = outbox{}
					g.tls.out.add(brokenRecord)
				}
				if e.keys.next == nil || broken && e.keys.next.tls != nil && e.keys.next.tls.out.empty() {
					e.control.softReset(p.now)
				}
			}
			p.pass(20 * time.Second)
			if n := len(begun); n < 5 || n > 21 {
				t.Errorf("%d handshakes in 20 s", n)
			}
			if p.server.Err() != nil {
				t.Error(p.server.Err())
			}
		})
	}
}

// TestUnsentIsBounded: a peer that has TLS answer and acknowledges nothing
// does not fill memory.
func TestUnsentIsBounded(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	for range 100 {
		p.server.Send("INFO," + strings.Repeat("x", 50_000))
	}
	if p.server.Err() == nil {
		t.Errorf("%d bytes wait for a peer that takes none", p.server.keys.active.tls.out.size)
	}
}

// TestStaleReset has a client get a server's reset that is none of its own
// before the server's: for a session before it, or from a server that repeats
// its reset without an acknowledgement.
func TestStaleReset(t *testing.T) {
	for name, c := range map[string]wire.Control{
		"acknowledges another session": {Session: wire.SessionID{9}, Acks: []wire.PacketID{0}, Peer: wire.SessionID{8}},
		"acknowledges nothing":         {Session: wire.SessionID{9}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, path{delay: 20 * time.Millisecond}, nil)
			p.pass(time.Millisecond)
			c.Op = wire.PControlHardResetServerV2
			_ = p.client.Input(p.now, wrap.None{}.Wrap(nil, &c, p.now))
			p.run(time.Second, p.established)
			p.exchange(p.client, p.server)
		})
	}
}
