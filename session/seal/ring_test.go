package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"culvert/internal/buf"
	"culvert/session/wire"
)

func testMaterial() (m KeyMaterial) {
	random := rand.New(rand.NewPCG(7, 7))
	for i := range m {
		m[i] = byte(random.Uint32())
	}
	return m
}

func mustGeneration(t testing.TB, c GenerationConfig) *Generation {
	t.Helper()
	g, err := NewGeneration(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// end is a ring with one generation in use.
type end struct {
	Ring
	gen *Generation
}

func newEnd(t testing.TB, c GenerationConfig) *end {
	e := &end{gen: mustGeneration(t, c)}
	e.Install(e.gen)
	e.SendWith(c.KeyID)
	return e
}

// newPair returns client and server that share keys.
func newPair(t testing.TB, c GenerationConfig) (client, server *end) {
	c.Material = testMaterial()
	c.Server = false
	client = newEnd(t, c)
	c.Server = true
	return client, newEnd(t, c)
}

func packet(b []byte) *buf.Packet {
	p := buf.New(max(len(b), buf.DefaultSize))
	p.Set(b)
	return p
}

// sealed returns the packet e makes of text.
func (e *end) sealed(t testing.TB, text []byte) []byte {
	t.Helper()
	p := packet(text)
	if err := e.Seal(p); err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return bytes.Clone(p.Bytes())
}

// opened gives b to e and returns the plaintext.
func (e *end) opened(b []byte) ([]byte, error) {
	p := packet(b)
	err := e.Open(p, 0)
	if err != nil && p.Len() != 0 {
		return nil, fmt.Errorf("%d bytes left in the packet after: %v", p.Len(), err)
	}
	return bytes.Clone(p.Bytes()), err
}

func (e *end) mustOpen(t testing.TB, b, want []byte) {
	t.Helper()
	got, err := e.opened(b)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("Open = %x, %v; want %x", got, err, want)
	}
}

func eachFormat(t *testing.T, f func(t *testing.T, c GenerationConfig)) {
	for c := AES256GCM; c.IsAEAD(); c++ {
		for _, v2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/v2=%t", c.Name(), v2), func(t *testing.T) {
				f(t, GenerationConfig{Cipher: c, V2: v2, KeyID: 3, PeerID: 0xABCDEF})
			})
		}
	}
}

// everyFormat adds those of CBC and epochs to eachFormat.
func everyFormat(t *testing.T, f func(t *testing.T, c GenerationConfig)) {
	eachFormat(t, f)
	for _, c := range append(cbcConfigs(t), GenerationConfig{Cipher: AES128GCM, V2: true, Epoch: true}) {
		c.KeyID, c.PeerID = 3, 0xABCDEF
		t.Run(fmt.Sprintf("%s/%s/v2=%t/epoch=%t", c.Cipher.Name(), c.Digest.Name, c.V2, c.Epoch), func(t *testing.T) { f(t, c) })
	}
}

// reference seals text the way the draft's "AEAD data channel format" says,
// sharing nothing with the package.
func reference(t *testing.T, name string, v2 bool, key, iv []byte, id uint32, text []byte) []byte {
	var aead cipher.AEAD
	switch name {
	case "CHACHA20-POLY1305":
		aead, _ = chacha20poly1305.New(key[:32])
	case "AES-128-GCM":
		block, _ := aes.NewCipher(key[:16])
		aead, _ = cipher.NewGCM(block)
	case "AES-192-GCM":
		block, _ := aes.NewCipher(key[:24])
		aead, _ = cipher.NewGCM(block)
	case "AES-256-GCM":
		block, _ := aes.NewCipher(key[:32])
		aead, _ = cipher.NewGCM(block)
	default:
		t.Fatalf("no reference for %s", name)
	}
	packetID := binary.BigEndian.AppendUint32(nil, id)
	nonce := append(bytes.Clone(packetID), iv[:8]...)
	head, ad := []byte{6<<3 | 3}, packetID
	if v2 {
		head = []byte{9<<3 | 3, 0xAB, 0xCD, 0xEF}
		ad = append(bytes.Clone(head), packetID...)
	}
	ciphertext := aead.Seal(nil, nonce, text, ad)
	tag := ciphertext[len(text):]
	return bytes.Join([][]byte{head, packetID, tag, ciphertext[:len(text)]}, nil)
}

func TestPacketsAreAsTheDraftSays(t *testing.T) {
	m := testMaterial()
	text := []byte("forty-five bytes, not a multiple of a block..")
	eachFormat(t, func(t *testing.T, c GenerationConfig) {
		client, server := newPair(t, c)
		for id := uint32(1); id <= 3; id++ {
			up := reference(t, c.Cipher.Name(), c.V2, m[0:], m[64:], id, text)
			if got := client.sealed(t, text); !bytes.Equal(got, up) {
				t.Errorf("client sends %x, want %x", got, up)
			}
			server.mustOpen(t, up, text)
			down := reference(t, c.Cipher.Name(), c.V2, m[128:], m[192:], id, text)
			if got := server.sealed(t, text); !bytes.Equal(got, down) {
				t.Errorf("server sends %x, want %x", got, down)
			}
			client.mustOpen(t, down, text)
		}
	})
}

func TestRoundTripOfAnyLength(t *testing.T) {
	everyFormat(t, func(t *testing.T, c GenerationConfig) {
		client, server := newPair(t, c)
		text := make([]byte, buf.DefaultSize)
		ramp(text, 1)
		for n := 0; n <= 70; n++ {
			server.mustOpen(t, client.sealed(t, text[:n]), text[:n])
		}
		full := buf.DefaultSize - buf.Headroom
		server.mustOpen(t, client.sealed(t, text[:full]), text[:full])
		p := packet(text) // the largest that fits a buffer
		if err := client.Seal(p); err != nil {
			t.Fatal(err)
		}
		if err := server.Open(p, 0); err != nil || !bytes.Equal(p.Bytes(), text) {
			t.Errorf("a full buffer: %d bytes, %v", p.Len(), err)
		}
	})
}

func TestTamperingWithAnyByte(t *testing.T) {
	eachFormat(t, func(t *testing.T, c GenerationConfig) {
		client, server := newPair(t, c)
		text := []byte("some text to be kept")
		client.sealed(t, nil) // so that no single flip makes the packet-id 0
		good := client.sealed(t, text)
		for i := range good {
			for _, flip := range []byte{1, 0x80} {
				bad := bytes.Clone(good)
				bad[i] ^= flip
				want := ErrAuth
				if i == 0 && flip == 1 {
					want = ErrNoKey
				} else if i == 0 {
					want = wire.ErrMalformed
				}
				if _, err := server.opened(bad); !errors.Is(err, want) {
					t.Errorf("byte %d flipped by %#x: %v, want %v", i, flip, err, want)
				}
			}
		}
		for n := range good {
			_, err := server.opened(good[:n])
			if short := n < len(good)-len(text); short != errors.Is(err, ErrShort) || err == nil {
				t.Errorf("cut to %d bytes: %v", n, err)
			}
		}
		if got := server.gen.Usage(); got.Received != 0 || got.AuthFailures == 0 {
			t.Errorf("usage %+v", got)
		}
		server.mustOpen(t, good, text)
	})
}

func TestHeadIsCheckedBeforeKeys(t *testing.T) {
	_, server := newPair(t, GenerationConfig{Cipher: AES256GCM, KeyID: 3})
	for head := range 256 {
		b := make([]byte, 40)
		b[0] = byte(head)
		op, key := wire.ParseHead(b[0])
		want := ErrReplay // the right key, with packet-id 0
		if key != 3 {
			want = ErrNoKey
		}
		if !op.IsData() {
			want = wire.ErrMalformed
		}
		if _, err := server.opened(b); !errors.Is(err, want) {
			t.Errorf("head %#x: %v, want %v", head, err, want)
		}
	}
}

func TestPeerIDIsAuthenticatedNotCompared(t *testing.T) {
	c := GenerationConfig{Cipher: AES256GCM, V2: true, PeerID: 5, Material: testMaterial()}
	client := newEnd(t, c)
	c.Server, c.PeerID = true, 7
	server := newEnd(t, c)

	b := client.sealed(t, []byte("x"))
	forged := bytes.Clone(b)
	wire.PutDataV2(forged, 0, 7)
	if _, err := server.opened(forged); err != ErrAuth {
		t.Errorf("changed peer-id: %v", err)
	}
	server.mustOpen(t, b, []byte("x"))
}

func TestReceivingEitherHeader(t *testing.T) {
	c := GenerationConfig{Cipher: ChaCha20Poly1305, Material: testMaterial()}
	v1 := newEnd(t, c)
	c.V2, c.Server = true, true
	v2 := newEnd(t, c)
	v2.mustOpen(t, v1.sealed(t, []byte("up")), []byte("up"))
	v1.mustOpen(t, v2.sealed(t, []byte("down")), []byte("down"))
}

func TestWrongKeyOrDirection(t *testing.T) {
	c := GenerationConfig{Cipher: AES256GCM, V2: true}
	client, _ := newPair(t, c)
	c.Server = true // zero key material
	stranger := newEnd(t, c)
	b := client.sealed(t, []byte("x"))
	if _, err := stranger.opened(b); err != ErrAuth {
		t.Errorf("other keys: %v", err)
	}
	if _, err := client.opened(b); err != ErrAuth {
		t.Errorf("own packet reflected: %v", err)
	}
}

func TestReplayAndReorder(t *testing.T) {
	client, server := newPair(t, GenerationConfig{Cipher: AES128GCM, V2: true, Window: 4})
	var sent [10][]byte
	for i := range sent {
		sent[i] = client.sealed(t, []byte{byte(i)})
	}
	for _, step := range []struct {
		index int
		want  error
	}{
		{5, nil}, {5, errReplayed}, {2, nil}, {1, errTooOld}, {3, nil}, {2, errReplayed}, {9, nil}, {5, errTooOld}, {6, nil},
	} {
		if _, err := server.opened(sent[step.index]); err != step.want {
			t.Errorf("packet %d: %v, want %v", step.index, err, step.want)
		}
	}
	want := Usage{Received: 5, ReceivedBytes: 5, Replays: 2, TooOld: 2, DeepestReorder: 3, DeepestRefused: 4, Highest: 10}
	if got := server.gen.Usage(); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
}

// A forged packet-id must not move the window.
// A path whose delay varies by 60 ms reorders a stream of 1 Gbit/s by 5,000 packets.
func TestDeepReorderingIsTakenWithoutASetting(t *testing.T) {
	const depth = 5000
	everyFormat(t, func(t *testing.T, c GenerationConfig) {
		client, server := newPair(t, c)
		late := client.sealed(t, []byte("late"))
		for range depth - 1 {
			client.sealed(t, nil)
		}
		server.mustOpen(t, client.sealed(t, []byte("newest")), []byte("newest"))
		server.mustOpen(t, late, []byte("late"))
		if _, err := server.opened(late); !errors.Is(err, ErrReplay) {
			t.Errorf("again: %v, want ErrReplay", err)
		}
	})
}

func TestForgeryLeavesWindowAlone(t *testing.T) {
	client, server := newPair(t, GenerationConfig{Cipher: AES128GCM})
	b := client.sealed(t, []byte("x"))
	forged := bytes.Clone(b)
	binary.BigEndian.PutUint32(forged[1:], 1<<31)
	if _, err := server.opened(forged); err != ErrAuth {
		t.Fatal(err)
	}
	server.mustOpen(t, b, []byte("x"))
}

func TestRingOfGenerations(t *testing.T) {
	var client, server Ring
	if err := client.Seal(packet([]byte("x"))); err != ErrNoKey {
		t.Errorf("empty ring seals: %v", err)
	}
	if err := client.Open(packet([]byte{wire.Head(wire.PDataV1, 0)}), 0); err != ErrNoKey {
		t.Errorf("empty ring opens: %v", err)
	}
	client.Retire(0)
	for key := wire.KeyID(0); key < 3; key++ {
		c := GenerationConfig{KeyID: key, Cipher: AES256GCM, Material: testMaterial()}
		c.Material[0] = byte(key)
		client.Install(mustGeneration(t, c))
		c.Server = true
		server.Install(mustGeneration(t, c))
	}
	if err := client.Seal(packet(nil)); err != ErrNoKey {
		t.Errorf("before SendWith: %v", err)
	}
	for _, key := range []wire.KeyID{0, 1, 2, 0} {
		client.SendWith(key)
		p := packet([]byte("x"))
		if err := client.Seal(p); err != nil {
			t.Fatal(err)
		}
		if _, got := wire.ParseHead(p.Bytes()[0]); got != key {
			t.Errorf("sealed with key %d, want %d", got, key)
		}
		if err := server.Open(p, 0); err != nil {
			t.Errorf("key %d: %v", key, err)
		}
	}
	server.Retire(1)
	client.SendWith(1)
	p := packet([]byte("x"))
	client.Seal(p)
	if err := server.Open(p, 0); err != ErrNoKey {
		t.Errorf("retired: %v", err)
	}
	client.Retire(1)
	p = packet([]byte("plaintext"))
	if err := client.Seal(p); err != ErrNoKey || p.Len() != 0 {
		t.Errorf("the key in use retired: %v, %d bytes of plaintext left", err, p.Len())
	}
	client.SendWith(5)
	if err := client.Seal(packet(nil)); err != ErrNoKey {
		t.Errorf("SendWith a key that is not there: %v", err)
	}
}

func TestInstallReplacesSameKeyID(t *testing.T) {
	client, _ := newPair(t, GenerationConfig{Cipher: AES256GCM})
	client.Install(mustGeneration(t, GenerationConfig{Cipher: AES256GCM}))
	if err := client.Seal(packet(nil)); err != ErrNoKey {
		t.Errorf("sealed with a replaced generation: %v", err)
	}
}

func TestPathSurvives(t *testing.T) {
	client, _ := newPair(t, GenerationConfig{Cipher: AES256GCM})
	p := packet([]byte("x"))
	p.Path.Remote = netip.MustParseAddrPort("192.0.2.1:1194")
	client.Open(p, 0)
	if !p.Path.Remote.IsValid() {
		t.Error("the path is gone after a failed Open")
	}
}

func TestNoAllocation(t *testing.T) {
	everyFormat(t, func(t *testing.T, c GenerationConfig) {
		client, server := newPair(t, c)
		p, bad := packet(nil), packet(nil)
		text, garbage := make([]byte, 1400), make([]byte, 1400)
		got := testing.AllocsPerRun(100, func() {
			p.Set(text)
			client.Seal(p)
			if err := server.Open(p, 0); err != nil {
				t.Fatal(err)
			}
			garbage[0], garbage[5], garbage[7] = wire.Head(wire.PDataV2, 3), 1, 0xFF
			bad.Set(garbage)
			if err := server.Open(bad, 0); err != ErrAuth {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%v allocations", got)
		}
	})
}

// FuzzOpen gives random packets to a ring in the middle of a session: none may
// be taken for one of the peer's, whose next packet must still open.
func FuzzOpen(f *testing.F) {
	client, _ := newPair(f, GenerationConfig{Cipher: AES256GCM, V2: true, KeyID: 1})
	good := client.sealed(f, []byte("hello"))
	f.Add(good)
	f.Add(good[:24])
	f.Add(good[:23])
	f.Add([]byte{})
	f.Add(append([]byte{wire.Head(wire.PDataV1, 1)}, good[4:]...))
	f.Add([]byte{wire.Head(wire.PDataV2, 1)})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > buf.DefaultSize {
			return
		}
		_, server := newPair(t, GenerationConfig{Cipher: AES256GCM, V2: true, KeyID: 1})
		got, err := server.opened(b)
		if (err == nil) != bytes.Equal(b, good) {
			t.Fatalf("%x opens as %x, %v", b, got, err)
		}
		if err == nil {
			_, err = server.opened(good)
			if !errors.Is(err, ErrReplay) {
				t.Fatalf("the second time: %v", err)
			}
			return
		}
		if len(got) != 0 {
			t.Fatalf("%x left after %v", got, err)
		}
		server.mustOpen(t, good, []byte("hello"))
	})
}

func benchmark(b *testing.B, run func(b *testing.B, c GenerationConfig, text []byte)) {
	for c := AES256GCM; c <= ChaCha20Poly1305; c++ {
		for _, n := range []int{64, 1400} {
			b.Run(fmt.Sprintf("%s/%d", c.Name(), n), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				run(b, GenerationConfig{Cipher: c, V2: true}, make([]byte, n))
			})
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	benchmark(b, func(b *testing.B, c GenerationConfig, text []byte) {
		client, _ := newPair(b, c)
		p := packet(nil)
		for b.Loop() {
			p.SetLen(len(text))
			client.Seal(p)
		}
	})
}

// BenchmarkOpen opens one packet over and over, with the window forgotten in
// between.
func BenchmarkOpen(b *testing.B) {
	benchmark(b, func(b *testing.B, c GenerationConfig, text []byte) {
		client, server := newPair(b, c)
		whole := client.sealed(b, text)
		p := packet(nil)
		for b.Loop() {
			p.Set(whole)
			seen := &server.gen.format.(*aeadFormat).w
			seen.top, seen.words[0] = 0, 0
			if err := server.Open(p, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
