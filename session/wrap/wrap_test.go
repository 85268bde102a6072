package wrap

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"culvert/internal/digest"
	"culvert/session/wire"
)

var now = time.Unix(1_750_000_000, 0)

func reset(op wire.Opcode) *wire.Control {
	return &wire.Control{Op: op, Session: wire.SessionID{1, 2, 3, 4, 5, 6, 7, 8}}
}

func sample() *wire.Control {
	return &wire.Control{
		Op: wire.PControlV1, Key: 3, Session: wire.SessionID{1, 2, 3},
		Acks: []wire.PacketID{7, 8}, Peer: wire.SessionID{9}, ID: 5, Payload: []byte("payload"),
	}
}

func TestBothDirections(t *testing.T) {
	for _, m := range modes(t) {
		for _, server := range []bool{true, false} {
			var got wire.Control
			if err := m.wrap(!server).Unwrap(&got, m.wrap(server).Wrap(nil, sample(), now)); err != nil {
				t.Errorf("%s, from server %v: %v", m.name, server, err)
			}
			if !bytes.Equal(got.AppendBody(nil), sample().AppendBody(nil)) || got.Key != 3 {
				t.Errorf("%s: got %+v", m.name, got)
			}
		}
	}
}

// Where the two ends have keys of their own, neither takes its own packets.
func TestReflectedPacket(t *testing.T) {
	for _, m := range modes(t) {
		if m.name == "none" || m.name == "tls-auth" {
			continue
		}
		w := m.wrap(true)
		if err := w.Unwrap(new(wire.Control), w.Wrap(nil, sample(), now)); !errors.Is(err, ErrAuth) {
			t.Errorf("%s: %v, want ErrAuth", m.name, err)
		}
	}
}

// armours is an Armour per mode, as the captured servers had it.
func armours(t testing.TB) map[string]*Armour {
	sha1 := must(digest.Lookup("SHA1"))
	return map[string]*Armour{
		"none":         {},
		"tls-auth":     {TLSAuth: &TLSAuthKey{stockKey(t), Bidirectional, sha1}},
		"tls-auth-dir": {TLSAuth: &TLSAuthKey{stockKey(t), Normal, sha1}},
		"tls-crypt":    {TLSCrypt: stockKey(t)},
		"tls-crypt-v2": {V2: stockServerKey(t)},
	}
}

func openFirst(a *Armour, packet []byte) error {
	w, _, err := a.Wrapper(packet)
	if err != nil {
		return err
	}
	return w.Unwrap(new(wire.Control), packet)
}

func TestEveryBitCounts(t *testing.T) {
	for name, a := range armours(t) {
		packet := captures(t, name+".txt")[0].packet
		if err := openFirst(a, packet); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "none" {
			continue
		}
		for i := range 8 * len(packet) {
			bad := bytes.Clone(packet)
			bad[i/8] ^= 1 << (i % 8)
			if err := openFirst(a, bad); err == nil {
				t.Errorf("%s: taken with bit %d of byte %d turned", name, i%8, i/8)
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	for name, a := range armours(t) {
		packet := captures(t, name+".txt")[0].packet
		for n := range packet {
			if err := openFirst(a, packet[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes taken", name, n, len(packet))
			}
		}
		if name != "none" && openFirst(a, append(bytes.Clone(packet), 0)) == nil {
			t.Errorf("%s: taken with a byte more", name)
		}
	}
}

// A session's wrapper meets any bytes at all, and names what is wrong.
func TestUnwrapErrors(t *testing.T) {
	for _, m := range modes(t) {
		w := m.wrap(true)
		packet := captures(t, m.name+".txt")[0].packet
		for n := range packet {
			err := w.Unwrap(new(wire.Control), packet[:n])
			if !errors.Is(err, wire.ErrShort) && !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, ErrAuth) {
				t.Errorf("%s: %d bytes: %v", m.name, n, err)
			}
		}
		if err := w.Unwrap(new(wire.Control), []byte("HTTP/1.1 400 Bad Request")); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: other protocol: %v, want ErrMalformed", m.name, err)
		}
	}
}

func TestBringsKey(t *testing.T) {
	for _, m := range modes(t) {
		if got := BringsKey(m.wrap(false)); got != (m.name == "tls-crypt-v2") {
			t.Errorf("%s: client %v", m.name, got)
		}
		if BringsKey(m.wrap(true)) {
			t.Errorf("%s: server brings a key", m.name)
		}
	}
}

func TestReplayedPacket(t *testing.T) {
	for _, m := range modes(t)[1:] {
		client, server := m.wrap(false), m.wrap(true)
		first := client.Wrap(nil, sample(), now)
		second := client.Wrap(nil, sample(), now.Add(-time.Hour))
		var c wire.Control
		for _, p := range [][]byte{second, first} {
			if err := server.Unwrap(&c, p); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
		for _, p := range [][]byte{second, first} {
			if err := server.Unwrap(&c, p); !errors.Is(err, ErrReplay) {
				t.Errorf("%s: %v, want ErrReplay", m.name, err)
			}
		}
	}
}

// A forged packet with a late time must not shut out the true peer.
func TestForgeryLeavesWindow(t *testing.T) {
	for _, m := range modes(t)[1:] {
		server := m.wrap(true)
		forged := m.wrap(false).Wrap(nil, sample(), now.Add(time.Hour))
		forged[len(forged)-1] ^= 1
		if err := server.Unwrap(new(wire.Control), forged); !errors.Is(err, ErrAuth) {
			t.Errorf("%s: %v, want ErrAuth", m.name, err)
		}
		if id, sec := server.LastID(); id != 0 || sec != 0 {
			t.Errorf("%s: LastID %d, %d from a forged packet", m.name, id, sec)
		}
		if err := server.Unwrap(new(wire.Control), m.wrap(false).Wrap(nil, sample(), now)); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}

func TestArmourRefusesOtherKinds(t *testing.T) {
	v2 := captures(t, "tls-crypt-v2.txt")[0].packet
	all := armours(t)
	for name, a := range all {
		if name == "tls-crypt-v2" {
			continue
		}
		if _, _, err := a.Wrapper(v2); !errors.Is(err, ErrAuth) {
			t.Errorf("%s takes a tls-crypt-v2 reset: %v", name, err)
		}
	}
	for _, name := range []string{"none", "tls-auth", "tls-crypt"} {
		packet := captures(t, name+".txt")[0].packet
		if _, _, err := all["tls-crypt-v2"].Wrapper(packet); !errors.Is(err, ErrAuth) {
			t.Errorf("tls-crypt-v2 takes a reset with %s: %v", name, err)
		}
	}
	both := &Armour{V2: stockServerKey(t), TLSCrypt: stockKey(t)}
	for _, name := range []string{"tls-crypt", "tls-crypt-v2"} {
		if err := openFirst(both, captures(t, name+".txt")[0].packet); err != nil {
			t.Errorf("both accepted, %s: %v", name, err)
		}
	}
	if _, _, err := both.Wrapper(nil); !errors.Is(err, wire.ErrShort) {
		t.Errorf("empty packet: %v", err)
	}
}

func fuzzUnwrap(f *testing.F, name string) {
	for _, p := range captures(f, name+".txt") {
		f.Add(p.packet)
	}
	a := armours(f)[name]
	f.Fuzz(func(t *testing.T, packet []byte) {
		w, _, err := a.Wrapper(packet)
		if err != nil {
			return
		}
		var c wire.Control
		if err := w.Unwrap(&c, packet); err != nil {
			return
		}
		if got := len(packet) - wire.ControlHeaderLen - c.BodyLen(); !c.Op.HasWKc() && got != w.Overhead(c.Op) {
			t.Errorf("%+v from %d bytes", c, len(packet))
		}
	})
}

func FuzzUnwrapNone(f *testing.F)       { fuzzUnwrap(f, "none") }
func FuzzUnwrapTLSAuth(f *testing.F)    { fuzzUnwrap(f, "tls-auth") }
func FuzzUnwrapTLSCrypt(f *testing.F)   { fuzzUnwrap(f, "tls-crypt") }
func FuzzUnwrapTLSCryptV2(f *testing.F) { fuzzUnwrap(f, "tls-crypt-v2") }
