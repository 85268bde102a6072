package session

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/negotiate"
	"culvert/session/reliable"
	"culvert/session/seal"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// TestCookieLifetime: the session id that a Greeter gave is good in its slot of
// time and the next, for the one address and client.
func TestCookieLifetime(t *testing.T) {
	g := NewGreeter(wrap.Armour{}, Rate{})
	begin, client := time.Unix(1_800_000_000, 0), wire.SessionID{1}
	if slot(begin) != slot(begin.Add(cookieSlot-1)) || slot(begin) == slot(begin.Add(cookieSlot)) {
		t.Fatal("the test does not begin with a slot")
	}
	id := g.cookie(slot(begin), clientAddr, client)
	for after, want := range map[time.Duration]bool{-1: false, 0: true, cookieSlot - 1: true, cookieSlot: true, 2*cookieSlot - 1: true, 2 * cookieSlot: false} {
		if got := g.valid(begin.Add(after), clientAddr, client, id); got != want {
			t.Errorf("after %v it is good: %v", after, got)
		}
	}
	other := id
	other[7]++
	for name, valid := range map[string]bool{
		"port":    g.valid(begin, netip.AddrPortFrom(clientAddr.Addr(), clientAddr.Port()+1), client, id),
		"address": g.valid(begin, netip.AddrPortFrom(serverAddr.Addr(), clientAddr.Port()), client, id),
		"client":  g.valid(begin, clientAddr, wire.SessionID{2}, id),
		"id":      g.valid(begin, clientAddr, client, other),
	} {
		if valid {
			t.Errorf("it is good for another %s", name)
		}
	}
}

// TestSourceAnswers: a thousand at once, and one in ten milliseconds.
func TestSourceAnswers(t *testing.T) {
	l, now := NewLimiter(SourceAnswers), time.Unix(1_800_000_000, 0)
	for i := range 1001 {
		if got := l.Allow(now, clientAddr.Addr()); got != (i < 1000) {
			t.Fatalf("answer %d: %v", i+1, got)
		}
	}
	if l.Allow(now.Add(10*time.Millisecond-1), clientAddr.Addr()) || !l.Allow(now.Add(10*time.Millisecond), clientAddr.Addr()) {
		t.Error("not one in ten milliseconds")
	}
}

// TestTroubles: what is said of packets that were refused for their id.
func TestTroubles(t *testing.T) {
	for _, c := range []struct {
		troubles
		window     int
		want, lack string
	}{
		{troubles{}, 64, "", ""},
		{troubles{accepted: 9, refused: 9}, 64, "", ""},
		{troubles{seen: 1}, 64, "1 seen before, 0 too late; mute", "deepest"},
		{troubles{seen: 2, accepted: 1}, 64, "the deepest reordering was by 1 packets, replay-window is 64;", "would take"},
		{troubles{behind: 3, refused: 64}, 64, "0 seen before, 3 too late; the deepest reordering was by 64 packets, replay-window is 64; replay-window 128 would take them", ""},
		{troubles{behind: 3, refused: 63}, 64, "3 too late", "would take"},
		{troubles{seen: 3, refused: 64}, 64, "3 seen", "would take"},
		{troubles{behind: 1, refused: 65536}, 64, "by 65536 packets", "would take"},
	} {
		got := c.text(time.Minute, c.window)
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") || c.lack != "" && strings.Contains(got, c.lack) {
			t.Errorf("%+v: %q", c.troubles, got)
		}
	}
	for behind, want := range map[uint64]int{0: 64, 63: 64, 64: 128, 32767: 32768, 65535: 65536, 65536: 0} {
		if got := fittingWindow(behind); got != want {
			t.Errorf("%d behind fit a window of %d, want %d", behind, got, want)
		}
	}
	var sum troubles
	sum.add(seal.Usage{Replays: 7, TooOld: 5, DeepestReorder: 3, DeepestRefused: 2}, seal.Usage{Replays: 4, TooOld: 1})
	sum.add(seal.Usage{Replays: 2, TooOld: 2, DeepestReorder: 1, DeepestRefused: 9}, seal.Usage{Replays: 1, TooOld: 1})
	if (sum != troubles{seen: 4, behind: 5, accepted: 3, refused: 9}) {
		t.Errorf("in sum %+v", sum)
	}
}

// TestBadPacketsAreReported: those of each minute, and none where there were
// none.
func TestBadPacketsAreReported(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	for minute, c := range []struct {
		bad, good int
		want      string
	}{{0, 2, ""}, {3, 2, "key 0: 3 bad, 4 good"}, {0, 0, ""}, {1, 0, "key 0: 1 bad, 0 good"}, {0, 1, ""}} {
		for range c.good {
			p.exchange(p.client, p.server)
		}
		for range c.bad {
			packet := buf.New(1500)
			packet.Set([]byte("an IP packet"))
			if err := p.client.data.Seal(p.now, packet); err != nil {
				t.Fatal(err)
			}
			packet.Bytes()[packet.Len()-1] ^= 1
			if _, err := p.server.data.Open(p.now, packet); err == nil {
				t.Fatal("a forged packet was taken")
			}
		}
		p.server.events = nil
		if said := p.server.report.advance(p.now, p.server.keys.active); len(said) > 0 {
			t.Errorf("minute %d: said before there were counts: %q", minute, said)
		}
		p.now = p.now.Add(reportInterval)
		said := strings.Join(p.server.report.advance(p.now, p.server.keys.active), "")
		if !strings.Contains(said, c.want) || (said == "") != (c.want == "") {
			t.Errorf("minute %d: %q, want %q", minute, said, c.want)
		}
	}
}

// TestLeavingEnds: in time, where nobody hears of it.
func TestLeavingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		leave func(p *pair)
		after time.Duration
		sent  int // exit notices on the data channel
	}{
		"at once":          {func(p *pair) { p.client.Exit(p.now, 0) }, 0, 0},
		"by EXIT":          {func(p *pair) { p.client.Exit(p.now, 3) }, 3 * time.Second, 0},
		"by one EXIT":      {func(p *pair) { p.client.Exit(p.now, 1) }, time.Second, 0},
		"by three notices": {func(p *pair) { p.client.handshake.params.CCExit = false; p.client.Exit(p.now, 3) }, 3 * time.Second, 3},
		"by one notice":    {func(p *pair) { p.client.handshake.params.CCExit = false; p.client.Exit(p.now, 1) }, time.Second, 1},
		"dismissed":        {func(p *pair) { p.client.Dismiss(p.now, "RESTART") }, 2 * time.Second, 0},
	} {
		p := newPair(t, path{delay: time.Millisecond}, nil)
		p.run(time.Second, p.established)
		p.pass(100 * time.Millisecond)
		sent := 0
		p.drop = func(from *end, b []byte) bool {
			if op := wire.Opcode(b[0] >> 3); from == p.client && op.IsData() {
				sent++
			}
			return true
		}
		began := p.now
		c.leave(p)
		p.run(time.Minute, func() bool { return p.client.Err() != nil })
		if took := p.now.Sub(began); took != c.after || p.client.Err() != ErrExit || sent != c.sent {
			t.Errorf("%s: after %v with %v, %d notices", name, took, p.client.Err(), sent)
		}
	}
}

func TestOutboxOfNothing(t *testing.T) {
	var o outbox
	if o.add(nil); !o.empty() || len(o.writes) != 0 {
		t.Error("something is in it")
	}
	o.add([]byte("abc"))
	if got := string(o.next(2)) + "," + string(o.next(2)); got != "ab,c" || !o.empty() {
		t.Errorf("%q, empty %v", got, o.empty())
	}
}

func TestKinds(t *testing.T) {
	occ := string(occMagic)
	for text, want := range map[string]Kind{
		string(pingMagic): KindPing, string(pingMagic) + "x": KindPacket, string(pingMagic[:len(pingMagic)-1]): KindPacket,
		occ + string(rune(occExit)): KindExit, occ + string(rune(occExit)) + "x": KindExit, occ + "\x00": KindOther, occ: KindOther, occ[:len(occ)-1]: KindPacket, "": KindPacket,
	} {
		if got := kindOf([]byte(text)); got != want {
			t.Errorf("% x is of kind %v, want %v", text, got, want)
		}
	}
}

// TestResetPayloads: the flag is found behind other values, and nothing is read
// past the end.
func TestResetPayloads(t *testing.T) {
	value := func(kind uint16, b ...byte) []byte {
		tlv := binary.BigEndian.AppendUint16(nil, kind)
		return append(binary.BigEndian.AppendUint16(tlv, uint16(len(b))), b...)
	}
	flag := value(tlvFlags, 0, flagResendWKc)
	for name, c := range map[string]struct {
		payload []byte
		want    bool
	}{
		"nothing": {nil, false}, "the flag": {flag, true}, "another flag": {value(tlvFlags, 0, 2), false}, "both": {value(tlvFlags, 0, 3), true},
		"behind another value": {append(value(9, 1, 2, 3), flag...), true}, "behind an empty one": {append(value(9), flag...), true},
		"of another length": {value(tlvFlags, flagResendWKc), false}, "of another kind": {value(9, 0, flagResendWKc), false},
		"cut": {flag[:5], false}, "without a length": {flag[:3], false}, "too long": {[]byte{0, 9, 0, 4, 1, 2, 3}, false},
	} {
		if got := resetWantsWKc(c.payload); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestServerSendsInTurn: with renewed keys once the client has acknowledged all
// of the handshake, or has used them itself.
func TestServerSendsInTurn(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	p.pass(100 * time.Millisecond)
	g := p.server.keys.active
	idle, busy := reliable.New(0, time.Second), reliable.New(0, time.Second)
	busy.Send(wire.PControlV1, nil)
	full := new(tlsMachine)
	full.out.add([]byte("x"))
	try := func(name string, ch *reliable.Channel, m *tlsMachine, want bool) {
		t.Helper()
		real, channel := g.tls, g.ch
		g.tls, g.ch, g.sending = m, ch, false
		if p.server.keys.advance(p.now); g.sending != want {
			t.Errorf("%s: sends %v", name, g.sending)
		}
		g.tls, g.ch = real, channel
	}
	try("all acknowledged", idle, new(tlsMachine), true)
	try("all acknowledged, TLS closed", idle, nil, true)
	try("something to say still", idle, full, false)
	try("something unacknowledged", busy, nil, false)
	p.exchange(p.client, p.server)
	try("keys in use", busy, full, true)
}

// TestOldKeysEnd: their TLS at the end of the handshake window, they themselves
// at the end of the transition window.
func TestOldKeysEnd(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.run(time.Second, p.established)
	p.pass(2 * minKeyAge)
	p.client.control.softReset(p.now)
	p.run(time.Second, func() bool { return count[Rekeyed](p.server.events) == 1 })
	s := p.server.Session
	for _, c := range []struct {
		age      time.Duration
		tls, old bool
	}{{0, true, true}, {s.cfg.HandWindow - 1, true, true}, {s.cfg.HandWindow, false, true}, {s.cfg.TranWindow - 1, false, true}, {s.cfg.TranWindow, false, false}} {
		s.keys.advanceOld(s.keys.active.installed.Add(c.age))
		if has := s.keys.old != nil; has != c.old || has && ((s.keys.old.tls != nil) != c.tls || (s.keys.old.ch != nil) != c.tls) {
			t.Errorf("after %v: %+v", c.age, s.keys.old)
		}
		if s.keys.old == nil {
			break
		}
	}
	p.client.data.ring.SendWith(0)
	packet := buf.New(1500)
	packet.Set([]byte("an IP packet"))
	if err := p.client.data.Seal(p.now, packet); err != nil {
		t.Fatal(err)
	}
	if _, err := s.data.Open(p.now, packet); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("a packet by keys that have ended: %v", err)
	}
}

// TestReasonsAreSaid: where there is one.
func TestReasonsAreSaid(t *testing.T) {
	for want, err := range map[string]error{
		"the server refused the login (AUTH_FAILED)":       &AuthFailedError{},
		"the server refused the login (AUTH_FAILED): why":  &AuthFailedError{Restart: negotiate.Restart{Reason: "why"}},
		"the server asks to reconnect (RESTART)":           &RestartError{},
		"the server asks to reconnect (RESTART): why":      &RestartError{Restart: negotiate.Restart{Reason: "why"}},
		"the server ends the session for good (HALT): why": &RestartError{Restart: negotiate.Restart{Reason: "why"}, Halt: true},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

// TestAlertKeys: each cipher suite has keys, but no secret has none.
func TestAlertKeys(t *testing.T) {
	for suite, overhead := range map[uint16]int{tls.TLS_AES_128_GCM_SHA256: 16, tls.TLS_AES_256_GCM_SHA384: 16, tls.TLS_CHACHA20_POLY1305_SHA256: 16} {
		w := alertWriter{suite: suite, secret: make([]byte, 48)}
		aead, nonce := w.keys()
		if aead == nil || aead.Overhead() != overhead || len(nonce) != aead.NonceSize() {
			t.Errorf("%s: %v, a nonce of %d", tls.CipherSuiteName(suite), aead, len(nonce))
		}
		w.secret = nil
		if aead, _ := w.keys(); aead != nil {
			t.Errorf("%s: keys of no secret", tls.CipherSuiteName(suite))
		}
	}
}
