package wrap

import (
	"bytes"
	"strings"
	"testing"

	"culvert/internal/digest"
	"culvert/session/wire"
)

// What has the least or the largest length allowed is taken, and nothing beyond.
func TestLongestClientKey(t *testing.T) {
	if k, err := ParseClientKeyV2([]byte(pemText(clientKeyV2PEM, staticKeyLen+maxWKcLen))); err != nil || len(k.WKc) != maxWKcLen {
		t.Error(err)
	}
}

func TestShortestSealed(t *testing.T) {
	s, ad := halfSIV(stockKey(t), 0), []byte("header")
	sealed := s.seal(nil, ad, nil)
	if plain, ok := s.open(ad, sealed); !ok || len(plain) != 0 || len(sealed) != tagLen {
		t.Errorf("%x, %t of %d bytes", plain, ok, len(sealed))
	}
	if _, ok := s.open(ad, sealed[:tagLen-1]); ok {
		t.Error("a part of a tag was taken")
	}
}

func TestShortestTLSAuth(t *testing.T) {
	d := must(digest.Lookup("SHA256"))
	packet := make([]byte, wire.ControlHeaderLen+d.Size()+replayLen)
	p := splitAuth(packet, d.Size())
	copy(p.tag, p.sum(newAuthHash(stockKey(t), 0, d)))
	if !verifyTLSAuth(stockKey(t), 0, d, packet) {
		t.Error("a packet without a body was refused")
	}
	if verifyTLSAuth(stockKey(t), 0, d, packet[:len(packet)-1]) {
		t.Error("a part of a packet was taken")
	}
}

func TestDiagnoseByLength(t *testing.T) {
	for n, want := range map[int]string{
		wire.ControlHeaderLen - 1: "8 bytes are no control packet",
		wire.ControlHeaderLen:     "is not an opcode of OpenVPN",
	} {
		if got := diagnoseHeader(bytes.Repeat([]byte{0xff}, n)); !strings.Contains(got, want) {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
}

func TestLooksTLS(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "\x16": false, "\x16\x03": true, "\x13\x03": false, "\x14\x03": true, "\x17\x03": true, "\x18\x03": false, "\x16\x02": false,
	} {
		if got := looksTLS([]byte(text)); got != want {
			t.Errorf("% x: %t, want %t", text, got, want)
		}
	}
}

func TestLooksClear(t *testing.T) {
	for name, c := range map[string]struct {
		op   wire.Opcode
		body []byte
		want bool
	}{
		"ack of nothing":    {wire.PAckV1, []byte{0}, false},
		"reset":             {wire.PControlHardResetClientV2, []byte{0, 0, 0, 0, 0}, true},
		"reset of id 1":     {wire.PControlHardResetClientV2, []byte{0, 0, 0, 0, 1}, false},
		"reset with more":   {wire.PControlHardResetClientV2, []byte{0, 0, 0, 0, 0, 9}, false},
		"soft reset":        {wire.PControlSoftResetV1, []byte{0, 0, 0, 0, 0}, true},
		"soft reset of 1":   {wire.PControlSoftResetV1, []byte{0, 0, 0, 0, 1}, false},
		"hello":             {wire.PControlV1, []byte{0, 0, 0, 0, 1, 22, 3, 1}, true},
		"not TLS":           {wire.PControlV1, []byte{0, 0, 0, 0, 1, 99, 3, 1}, false},
		"nothing, no reset": {wire.PControlV1, []byte{0, 0, 0, 0, 1}, false},
	} {
		if got := looksClear(wire.Control{Op: c.op}, c.body); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

// TestDataKeys: each end of `secret` sends with the half that the other receives
// with, and both with the first where there is no direction.
func TestDataKeys(t *testing.T) {
	k := testKey(3)
	half := [2][2 * keyPartLen]byte{[2 * keyPartLen]byte(k.raw[:128]), [2 * keyPartLen]byte(k.raw[128:])}
	for d, want := range map[Direction][2]int{Bidirectional: {0, 0}, Normal: {0, 1}, Inverse: {1, 0}} {
		if send, receive := k.DataKeys(d); send != half[want[0]] || receive != half[want[1]] {
			t.Errorf("%v: other halves than %v", d, want)
		}
	}
}

// TestShortestArmoured: a packet of armour alone is authentic, and refused for
// its body.
func TestShortestArmoured(t *testing.T) {
	key, d := stockKey(t), must(digest.Lookup("SHA256"))
	header := reset(wire.PControlV1).AppendHeader(nil)
	clear := append(append(bytes.Clone(header), make([]byte, d.Size())...), 0, 0, 0, 1, 0, 0, 0, 1)
	p := splitAuth(clear, d.Size())
	copy(p.tag, p.sum(newAuthHash(key, 0, d)))
	ad := append(bytes.Clone(header), 0, 0, 0, 1, 0, 0, 0, 1)
	for name, c := range map[string]struct {
		w      Wrapper
		packet []byte
	}{
		"tls-auth":  {NewTLSAuth(key, Bidirectional, d), clear},
		"tls-crypt": {NewTLSCrypt(key, true), halfSIV(key, Normal.receive()).seal(bytes.Clone(ad), ad, nil)},
	} {
		if err := c.w.Unwrap(new(wire.Control), c.packet); err == nil || strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.w.Unwrap(new(wire.Control), c.packet[:len(c.packet)-1]); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s, one byte less: %v", name, err)
		}
	}
}
