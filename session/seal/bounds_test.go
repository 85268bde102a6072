package seal

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"culvert/internal/buf"
)

// The last packet within a limit is sealed, and not one more.
func TestUsageLimitIsExact(t *testing.T) {
	client, _ := newPair(t, GenerationConfig{Cipher: AES256GCM})
	most := client.gen.most.Usage
	client.gen.sent.bytes.Store(16 * (most - 1))
	if err := client.Seal(packet(nil)); err != nil {
		t.Errorf("at the last unit of usage: %v", err)
	}
	client.gen.sent.packets.Store(0)
	client.gen.sent.bytes.Store(16 * most)
	if err := client.Seal(packet(nil)); err != ErrExhausted {
		t.Errorf("when the limit is used up: %v, want ErrExhausted", err)
	}
}

// An epoch ends when its usage is used up, not a packet later.
func TestEpochUsageIsExact(t *testing.T) {
	c := epochConfig
	c.Limits = Limits{Usage: 4}
	client, _ := newPair(t, c)
	epoch := func() int { return client.gen.format.(*epochFormat).send.Load().epoch }
	for i, want := range []int{1, 1, 2, 2, 3} { // a packet without text is two of usage
		client.sealed(t, nil)
		if got := epoch(); got != want {
			t.Errorf("packet %d in epoch %d, want %d", i+1, got, want)
		}
	}
}

// Due is said while an eighth of the epochs is left.
func TestEpochsEndInTime(t *testing.T) {
	client, _ := newPair(t, epochConfig)
	f := client.gen.format.(*epochFormat)
	const first = math.MaxUint16 - math.MaxUint16/8
	for epoch, want := range map[int]bool{first - 1: false, first: true, first + 1: true} {
		f.send.Load().epoch = epoch
		if got := f.ending(); got != want {
			t.Errorf("epoch %d: ending %t", epoch, got)
		}
	}
}

// Keys of epochs to come are made as far as the packet asks, and no further.
func TestEpochKeysAreMadeWhenNeeded(t *testing.T) {
	m := testMaterial()
	_, server := newPair(t, epochConfig)
	f := server.gen.format.(*epochFormat)
	for _, step := range []struct{ epoch, keys int }{{1, 1}, {3, 2}} { // the one before the current is kept
		if _, err := server.opened(epochReference(m[0:], step.epoch, 1, []byte("x"))); err != nil {
			t.Fatal(err)
		}
		if got := len(f.recv.Load().keys); got != step.keys {
			t.Errorf("after a packet of epoch %d: %d keys, want %d", step.epoch, got, step.keys)
		}
	}
	if _, err := f.derive(5); err != nil {
		t.Fatal(err)
	}
	keys := f.recv.Load().keys
	if last := keys[len(keys)-1].epoch; last != 5 {
		t.Errorf("keys up to epoch %d, want 5", last)
	}
}

// A window of every size takes what is one less behind, and refuses what is as much.
func TestWindowEdges(t *testing.T) {
	for _, size := range []int{1, 2, 63, 64, 65, 127, 128, 8192, 65536} {
		const top = 1 << 20
		w := newWindow(size, 0)
		if err := w.accept(top, 0); err != nil {
			t.Fatal(err)
		}
		inside := uint64(top - size + 1)
		if err := w.accept(inside, 0); err != nil && inside != top {
			t.Errorf("size %d: the last inside: %v", size, err)
		}
		if err := w.accept(inside, 0); !errors.Is(err, errReplayed) {
			t.Errorf("size %d: the last inside, again: %v", size, err)
		}
		if err := w.accept(inside-1, 0); !errors.Is(err, errTooOld) {
			t.Errorf("size %d: the first outside: %v", size, err)
		}
		// Words that the window comes to again are empty, and those kept are not.
		if err := w.accept(top+1, 0); err != nil {
			t.Errorf("size %d: the next: %v", size, err)
		}
		if size > 1 {
			if err := w.accept(top, 0); !errors.Is(err, errReplayed) {
				t.Errorf("size %d: the one before: %v", size, err)
			}
		}
		for id := uint64(top + 2); id < top+2*uint64(size)+130; id++ {
			if err := w.accept(id, 0); err != nil {
				t.Fatalf("size %d: %d: %v", size, id, err)
			}
		}
	}
}

// Padding that would leave no room for the packet-id is no padding, however
// authentic.
func TestPaddingLeavesThePacketID(t *testing.T) {
	client, server := newPair(t, GenerationConfig{Cipher: AES256CBC, Digest: mustDigest(t, "SHA256"), V2: true})
	f := client.gen.format.(*cbcFormat)
	for pad, want := range map[byte]error{0: ErrAuth, 12: nil, 13: ErrAuth, 16: ErrAuth, 17: ErrAuth} {
		p := buf.New(200)
		text := p.Append(16)
		binary.BigEndian.PutUint32(text, uint32(pad)+1) // a packet-id of its own
		text[15] = pad
		iv := p.Prepend(16)
		f.send.mode.SetIV(iv)
		f.send.mode.CryptBlocks(text, text)
		sum := f.send.authenticate(p.Bytes())
		copy(p.Prepend(len(sum)), sum)
		copy(p.Prepend(client.gen.header.len), client.gen.header.bytes[:client.gen.header.len])
		if _, err := server.opened(p.Bytes()); err != want {
			t.Errorf("padding %d: %v, want %v", pad, err, want)
		}
	}
}

// Without a time rule, packets may be as late as they like.
func TestLatenessWithoutATimeRule(t *testing.T) {
	for span, want := range map[time.Duration]error{0: nil, time.Second: errLate} {
		w := newWindow(64, span)
		for i, id := range []uint64{10, 11} {
			if err := w.accept(id, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.accept(9, int64(time.Hour)); err != want {
			t.Errorf("span %v: %v, want %v", span, err, want)
		}
	}
}

// A bitmap has the words that its window can touch, in a power of two.
func TestBitmapLength(t *testing.T) {
	for size, want := range map[int]int{1: 1, 2: 2, 65: 2, 66: 4, 193: 4, 194: 8, 8192: 256, 65536: 2048} {
		if got := len(makeWords(size)); got != want {
			t.Errorf("a window of %d has %d words, want %d", size, got, want)
		}
	}
}

func TestNoCipher(t *testing.T) {
	for c := range None + 3 {
		if got, want := c.valid(), c >= AES256GCM && c <= None; got != want {
			t.Errorf("cipher %d is valid: %v", c, got)
		}
	}
}

// A ring says what it has: a cipher once there is one to send with, and how much
// fits as soon as there is any.
func TestRingWithoutKeys(t *testing.T) {
	var r Ring
	if n, ok := r.Fit(1000); ok || n != 0 || r.Cipher() != 0 {
		t.Errorf("an empty ring: fit %d, %v, cipher %v", n, ok, r.Cipher())
	}
	client, _ := newPair(t, GenerationConfig{Cipher: AES256GCM})
	k := new(ringKeys)
	r.keys.Store(k)
	if _, ok := r.Fit(1000); ok || r.Cipher() != 0 {
		t.Error("a ring with no generation has one")
	}
	k.byID[3] = client.gen
	if n, ok := r.Fit(1000); !ok || n != client.gen.Fit(1000) || r.Cipher() != 0 {
		t.Errorf("installed: fit %d, %v, cipher %v", n, ok, r.Cipher())
	}
	k.send = client.gen
	if n, ok := r.Fit(1000); !ok || n != client.gen.Fit(1000) || r.Cipher() != AES256GCM {
		t.Errorf("in use: fit %d, %v, cipher %v", n, ok, r.Cipher())
	}
}

// The replay window of a static key has bounds, and its shortest packet is one
// block.
func TestStaticBounds(t *testing.T) {
	for window, ok := range map[int]bool{-1: false, 0: true, 1: true, maxWindow: true, maxWindow + 1: false} {
		c := StaticConfig{Cipher: AES256CBC, Digest: mustDigest(t, "SHA256"), Window: window}
		if _, err := NewStatic(c); (err == nil) != ok {
			t.Errorf("a window of %d: %v", window, err)
		}
	}
	a, b := staticPair(t, "AES-256-CBC", "SHA256")
	for n := range 200 {
		want := ErrAuth
		if n < 32+16+longIDLen {
			want = ErrShort
		}
		if err := b.Open(packetOf(make([]byte, n)), 0); err != want {
			t.Errorf("%d bytes: %v, want %v", n, err, want)
		}
	}
	p := packetOf(nil)
	a.Seal(time.Unix(1_800_000_000, 0), p)
	if err := b.Open(p, 0); err != nil || p.Len() != 0 {
		t.Errorf("the shortest: %d bytes, %v", p.Len(), err)
	}
}
