package wrap

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"culvert/internal/digest"
	"culvert/session/wire"
)

func TestDiagnose(t *testing.T) {
	key, other := stockKey(t), testKey(2)
	sha1, sha256 := must(digest.Lookup("SHA1")), must(digest.Lookup("SHA256"))
	auth := &Armour{TLSAuth: &TLSAuthKey{key, Normal, sha1}}
	authBoth := &Armour{TLSAuth: &TLSAuthKey{key, Bidirectional, sha1}}
	crypt, v2, none := &Armour{TLSCrypt: key}, &Armour{V2: stockServerKey(t)}, &Armour{}

	by := func(w Wrapper) []byte { return w.Wrap(nil, reset(wire.PControlHardResetClientV2), now) }
	clear := by(None{})
	hello := None{}.Wrap(nil, &wire.Control{Op: wire.PControlV1, Payload: []byte{22, 3, 1, 0}}, now)
	ack := None{}.Wrap(nil, &wire.Control{Op: wire.PAckV1, Acks: []wire.PacketID{0}}, now)
	v2Reset := captures(t, "tls-crypt-v2.txt")[0].packet
	v2Damaged := bytes.Clone(v2Reset)
	v2Damaged[20] ^= 1
	v2AsServer := NewTLSCryptV2Server(stockClientKey(t).Kc).Wrap(nil, reset(wire.PControlHardResetClientV3), now)
	v2AsServer = append(v2AsServer, stockClientKey(t).WKc...)
	e := entropy(4)
	otherV2 := must(GenerateClientKeyV2(&e, must(GenerateServerKeyV2(&e)), nil))

	for _, tt := range []struct {
		name   string
		server *Armour
		packet []byte
		want   string
	}{
		{"nothing", crypt, nil, "noise"},
		{"data", crypt, append([]byte{wire.Head(wire.PDataV2, 0)}, make([]byte, 40)...), "a data packet of a session that is not known"},
		{"key method 1", crypt, append([]byte{1 << 3}, make([]byte, 40)...), "key method 1"},
		{"HTTP", crypt, []byte("GET / HTTP/1.1\r\n"), "no armour with the keys"},
		{"other protocol", crypt, []byte("\xffxxxxxxxxxxxxxxxxxxx"), "opcode 31 is not an opcode of OpenVPN"},

		{"clear at tls-crypt", crypt, clear, "the peer has no tls-crypt key"},
		{"clear at tls-auth", auth, clear, "the peer has no tls-auth key"},
		{"clear at v2", v2, clear, "the peer has no tls-crypt-v2 key"},
		{"clear at none", none, clear, "as expected"},
		{"clear hello", crypt, hello, "control packet in clear"},
		{"clear ack", crypt, ack, "control packet in clear"},

		{"tls-auth at tls-crypt", crypt, by(NewTLSAuth(key, Inverse, sha256)), "tls-auth with the same key, digest SHA256 and key-direction 1; this server expects tls-crypt"},
		{"tls-crypt at tls-auth", auth, by(NewTLSCrypt(key, false)), "uses tls-crypt with the same key; this server expects tls-auth"},
		{"digest", auth, by(NewTLSAuth(key, Inverse, sha256)), "this server has digest SHA1"},
		{"direction", auth, by(NewTLSAuth(key, Bidirectional, sha1)), "key-direction 0, or none; this server has key-direction 0: the peer needs key-direction 1"},
		{"no direction", authBoth, by(NewTLSAuth(key, Inverse, sha1)), "this server has no key-direction: the peer needs no key-direction"},
		{"replayed tls-auth", auth, by(NewTLSAuth(key, Inverse, sha1)), "replay"},
		{"replayed tls-crypt", crypt, by(NewTLSCrypt(key, false)), "replay"},
		{"role", crypt, by(NewTLSCrypt(key, true)), "but as a server"},

		{"other tls-crypt key", crypt, by(NewTLSCrypt(other, false)), "tls-crypt with another key; give it the key file"},
		{"other tls-auth key", auth, by(NewTLSAuth(other, Inverse, sha1)), "tls-auth with another key, with a digest of 20 bytes; give it"},
		{"tls-auth at none", none, by(NewTLSAuth(key, Inverse, sha256)), "seems to use tls-auth, with a digest of 32 bytes; this server has none"},
		{"tls-crypt at none", none, by(NewTLSCrypt(key, false)), "seems to use tls-crypt; this server has none"},
		{"noise", crypt, append([]byte{wire.Head(wire.PControlV1, 0)}, bytes.Repeat([]byte{0xa7}, 90)...), "no armour with the keys of this server fits"},

		{"v2 at tls-crypt", crypt, v2Reset, "this server has no tls-crypt-v2 key"},
		{"v2 without key", v2, v2Reset[:60], "no wrapped client key"},
		{"v2 of other server", v2, NewTLSCryptV2Client(otherV2).Wrap(nil, reset(wire.PControlHardResetClientV3), now), "another server key wrapped"},
		{"v2 damaged", v2, v2Damaged, "damaged or forged"},
		{"v2 role", v2, v2AsServer, "but as a server"},
		{"v2 replayed", v2, v2Reset, "replay"},
	} {
		if got := tt.server.Diagnose(tt.packet); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzDiagnose(f *testing.F) {
	all := armours(f)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, p := range captures(f, name+".txt") {
			f.Add(p.packet)
		}
	}
	f.Add(binary.BigEndian.AppendUint16(append([]byte{10 << 3}, make([]byte, 400)...), 300))
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := bytes.Clone(packet)
		for name, a := range all {
			if a.Diagnose(packet) == "" {
				t.Errorf("%s: nothing to say about %x", name, packet)
			}
		}
		if !bytes.Equal(packet, before) {
			t.Error("Diagnose wrote to the packet")
		}
	})
}
