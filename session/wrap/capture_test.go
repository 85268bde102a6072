package wrap

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"culvert/internal/digest"
	"culvert/session/wire"
)

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// must is for what cannot fail in a test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// captured is a packet of stock OpenVPN.
type captured struct {
	digest     string // of tls-auth-digests.txt
	fromServer bool
	packet     []byte
}

func captures(t testing.TB, name string) []captured {
	t.Helper()
	var all []captured
	for line := range strings.Lines(string(testdata(t, name))) {
		f := strings.Fields(line)
		c := captured{fromServer: f[len(f)-2] == "server", packet: must(hex.DecodeString(f[len(f)-1]))}
		if len(f) == 3 {
			c.digest = f[0]
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		t.Fatalf("no packets in %s", name)
	}
	return all
}

func stockKey(t testing.TB) *StaticKey { return must(ParseStaticKey(testdata(t, "static.key"))) }

func stockServerKey(t testing.TB) *ServerKeyV2 {
	return must(ParseServerKeyV2(testdata(t, "v2-server.key")))
}

func stockClientKey(t testing.TB) *ClientKeyV2 {
	return must(ParseClientKeyV2(testdata(t, "v2-client-user.key")))
}

// mode is an armour of the captured sessions.
type mode struct {
	name string
	wrap func(server bool, opts ...Option) Wrapper
}

func modes(t testing.TB) []mode {
	key, v2 := stockKey(t), stockClientKey(t)
	sha1 := must(digest.Lookup("SHA1"))
	return []mode{
		{"none", func(bool, ...Option) Wrapper { return None{} }},
		{"tls-auth", func(server bool, opts ...Option) Wrapper {
			return NewTLSAuth(key, Bidirectional, sha1, opts...)
		}},
		{"tls-auth-dir", func(server bool, opts ...Option) Wrapper {
			return NewTLSAuth(key, direction(server), sha1, opts...)
		}},
		{"tls-crypt", func(server bool, opts ...Option) Wrapper {
			return NewTLSCrypt(key, server, opts...)
		}},
		{"tls-crypt-v2", func(server bool, opts ...Option) Wrapper {
			if server {
				return NewTLSCryptV2Server(v2.Kc, opts...)
			}
			return NewTLSCryptV2Client(v2, opts...)
		}},
	}
}

func direction(server bool) Direction {
	if server {
		return Normal
	}
	return Inverse
}

// rewrap unwraps a captured packet as the other end does and wraps it again as
// its sender did, which must give the same bytes.
func rewrap(t *testing.T, receiver Wrapper, sender func(...Option) Wrapper, packet []byte) *wire.Control {
	t.Helper()
	before := bytes.Clone(packet)
	c := new(wire.Control)
	if err := receiver.Unwrap(c, packet); err != nil {
		t.Fatalf("unwrap %x: %v", packet, err)
	}
	if !bytes.Equal(packet, before) {
		t.Fatal("Unwrap wrote to the packet")
	}
	id, sec := receiver.LastID()
	again := sender(FirstID(id)).Wrap([]byte("dst"), c, time.Unix(int64(sec), 999))
	if !bytes.Equal(again, append([]byte("dst"), packet...)) {
		t.Errorf("wrapped again:\n got %x\nwant %x", again[3:], packet)
	}
	return c
}

func TestCapturedSessions(t *testing.T) {
	for _, m := range modes(t) {
		t.Run(m.name, func(t *testing.T) {
			server, client := m.wrap(true), m.wrap(false)
			ops := []wire.Opcode{}
			for _, p := range captures(t, m.name+".txt") {
				receiver := server
				if p.fromServer {
					receiver = client
				}
				sender := func(opts ...Option) Wrapper { return m.wrap(p.fromServer, opts...) }
				c := rewrap(t, receiver, sender, p.packet)
				ops = append(ops, c.Op)
				if got := len(p.packet) - wire.ControlHeaderLen - c.BodyLen(); got != sender().Overhead(c.Op) {
					t.Errorf("%v: overhead %d, Overhead says %d", c.Op, got, sender().Overhead(c.Op))
				}
			}
			checkOpcodes(t, ops, m.name == "tls-crypt-v2")
		})
	}
}

func checkOpcodes(t *testing.T, ops []wire.Opcode, v2 bool) {
	t.Helper()
	want := []wire.Opcode{wire.PControlHardResetClientV2, wire.PControlHardResetServerV2, wire.PControlV1}
	if v2 {
		want[0], want[2] = wire.PControlHardResetClientV3, wire.PControlWKcV1
	}
	for i, op := range want {
		if ops[i] != op {
			t.Errorf("packet %d is %v, want %v", i, ops[i], op)
		}
	}
}

func TestCapturedDigests(t *testing.T) {
	key := stockKey(t)
	seen := map[string]int{}
	for _, p := range captures(t, "tls-auth-digests.txt") {
		d := must(digest.Lookup(p.digest))
		sender := func(opts ...Option) Wrapper { return NewTLSAuth(key, direction(p.fromServer), d, opts...) }
		rewrap(t, NewTLSAuth(key, direction(!p.fromServer), d), sender, p.packet)
		seen[d.Name]++
	}
	for _, name := range digest.Names() {
		if seen[name] != 2 {
			t.Errorf("%s: %d packets, want one from each side", name, seen[name])
		}
	}
}

// The first packet of a stock client says that it can resend its wrapped key,
// and ours says it the same way.
func TestEarlyNegotiation(t *testing.T) {
	stock := captures(t, "tls-crypt-v2.txt")[0].packet
	ours := NewTLSCryptV2Client(stockClientKey(t)).Wrap(nil, reset(wire.PControlHardResetClientV3), now)
	for _, packet := range [][]byte{stock, ours} {
		w, metadata, err := (&Armour{V2: stockServerKey(t)}).Wrapper(packet)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Unwrap(new(wire.Control), packet); err != nil {
			t.Fatal(err)
		}
		if id, _ := w.LastID(); id != EarlyNegotiationID || !EarlyNegotiation(id) {
			t.Errorf("first id %#x, want %#x", id, EarlyNegotiationID)
		}
		if want := UserMetadata([]byte("Culvert test")); !bytes.Equal(metadata, want) {
			t.Errorf("metadata %q, want %q", metadata, want)
		}
	}
	if EarlyNegotiation(1) {
		t.Error("id 1 says early negotiation")
	}
}
