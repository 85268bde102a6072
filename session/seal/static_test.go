package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/internal/digest"
)

// staticPair is both ends of a static key.
func staticPair(t testing.TB, cipherName, digestName string) (a, b *Static) {
	t.Helper()
	c, err := LookupCipher(cipherName)
	if err != nil {
		t.Fatal(err)
	}
	d, err := digest.Lookup(digestName)
	if err != nil {
		t.Fatal(err)
	}
	config := StaticConfig{Cipher: c, Digest: d}
	for i := range config.Material {
		config.Material[i] = byte(i)
	}
	mirrored := config
	copy(mirrored.Material[:128], config.Material[128:])
	copy(mirrored.Material[128:], config.Material[:128])
	if a, err = NewStatic(config); err != nil {
		t.Fatal(err)
	}
	if b, err = NewStatic(mirrored); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func packetOf(text []byte) *buf.Packet {
	p := buf.New(2000)
	p.Set(text)
	return p
}

func TestStatic(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, names := range [][2]string{{"AES-256-CBC", "SHA256"}, {"AES-128-CBC", "SHA1"}, {"AES-192-CBC", "SHA512"}} {
		a, b := staticPair(t, names[0], names[1])
		for size := range 70 {
			text := bytes.Repeat([]byte{byte(size)}, size)
			p := packetOf(text)
			a.Seal(now, p)
			if fit := a.Fit(p.Len()); fit < size || size >= 8 && a.Fit(p.Len()-1) >= size {
				t.Fatalf("%v: Fit(%d) is %d for a plaintext of %d", names, p.Len(), fit, size)
			}
			if err := b.Open(p, 0); err != nil || !bytes.Equal(p.Bytes(), text) {
				t.Fatalf("%v: %x, %v", names, p.Bytes(), err)
			}
		}
	}
}

func TestStaticTakesDeepReorderingWithoutASetting(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a, b := staticPair(t, "AES-256-CBC", "SHA256")
	late := packetOf([]byte("late"))
	a.Seal(now, late)
	for range 5000 {
		p := packetOf(nil)
		a.Seal(now, p)
		if err := b.Open(p, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Open(late, 0); err != nil {
		t.Error(err)
	}
}

func TestStaticRefuses(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a, b := staticPair(t, "AES-256-CBC", "SHA256")
	first := packetOf([]byte("one"))
	a.Seal(now, first)
	sealed := bytes.Clone(first.Bytes())
	if err := b.Open(packetOf(sealed), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Open(packetOf(sealed), 0); !errors.Is(err, ErrReplay) {
		t.Errorf("replayed: %v", err)
	}
	for i := range sealed {
		damaged := bytes.Clone(sealed)
		damaged[i] ^= 1
		if err := b.Open(packetOf(damaged), 0); !errors.Is(err, ErrAuth) {
			t.Fatalf("damaged at %d: %v", i, err)
		}
	}
	if err := b.Open(packetOf(sealed[:20]), 0); !errors.Is(err, ErrShort) {
		t.Errorf("cut: %v", err)
	}
	// The peer begins anew, with a later time: what came before is refused.
	a.sent = 0
	again := packetOf([]byte("two"))
	a.Seal(now.Add(time.Minute), again)
	if err := b.Open(again, 0); err != nil {
		t.Fatal(err)
	}
	late := packetOf([]byte("late"))
	a.sent, a.since = 7, uint32(now.Unix())
	a.Seal(now, late)
	if err := b.Open(late, 0); !errors.Is(err, ErrReplay) {
		t.Errorf("of an earlier run: %v", err)
	}
}

func FuzzStaticOpen(f *testing.F) {
	// What Seal made of "text" once: its initialization vector is chance.
	seed, err := hex.DecodeString("b0805578afb8f0f72948c817ac6b2309ad9660decf65e18bed30839b3102b9a723aaf521019212d0f99a3ab1caa2bcf0d85a3b97")
	if err != nil {
		f.Fatal(err)
	}
	_, b := staticPair(f, "AES-128-CBC", "SHA1")
	if p := packetOf(seed); b.Open(p, 0) != nil || string(p.Bytes()) != "text" {
		f.Fatalf("the seed holds %q", p.Bytes())
	}
	_, b = staticPair(f, "AES-128-CBC", "SHA1")
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) > 2000 {
			return
		}
		b.Open(packetOf(packet), 0)
	})
}
