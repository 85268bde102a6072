package session

import (
	"errors"
	"slices"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/reliable"
	"culvert/session/seal"
	"culvert/session/wire"
)

const (
	testHand = time.Minute
	testTran = time.Hour
)

// testGenerations are those of a server, with keys 0 in use.
func testGenerations(t *testing.T) *generations {
	k := &generations{ring: new(seal.Ring), handWindow: testHand, tranWindow: testTran}
	k.install(virtual, testGeneration(t, 0), true)
	return k
}

// testGeneration is a generation whose handshake is over and acknowledged.
func testGeneration(t *testing.T, id wire.KeyID) *generation {
	g := newGeneration(id, reliable.New(0, time.Second), virtual, testHand)
	var material seal.KeyMaterial
	for i := range material {
		material[i] = byte(i) ^ byte(id)
	}
	cipher, err := seal.LookupCipher("AES-128-GCM")
	if err != nil {
		t.Fatal(err)
	}
	g.keys, err = seal.NewGeneration(seal.GenerationConfig{KeyID: id, Cipher: cipher, Material: material, Server: true})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// opens are the ids whose packets are not refused for want of a key.
func opens(k *generations) (ids []wire.KeyID) {
	for id := range wire.KeyID(8) {
		p := buf.New(1500)
		p.Set(append([]byte{byte(wire.PDataV1)<<3 | byte(id)}, make([]byte, 64)...))
		if err := k.ring.Open(p, 0); !errors.Is(err, seal.ErrNoKey) {
			ids = append(ids, id)
		}
	}
	return ids
}

// sealsWith is the id of the keys that seal.
func sealsWith(t *testing.T, k *generations) wire.KeyID {
	p := buf.New(1500)
	p.Set([]byte("an IP packet"))
	if err := k.ring.Seal(p); err != nil {
		t.Fatal(err)
	}
	_, id := wire.ParseHead(p.Bytes()[0])
	return id
}

// TestNewKeysSealWhenShared: at once, or once the peer has acknowledged all that
// was said to it.
func TestNewKeysSealWhenShared(t *testing.T) {
	k := testGenerations(t)
	client := testGeneration(t, 1)
	if k.install(virtual, client, true); sealsWith(t, k) != 1 {
		t.Error("keys that may seal at once do not")
	}
	g := testGeneration(t, 2)
	packet := g.ch.Send(wire.PControlV1, nil)
	k.install(virtual, g, false)
	if k.advance(virtual); sealsWith(t, k) != 1 {
		t.Error("sealed with keys that the peer may not have")
	}
	g.ch.Poll(virtual)
	g.ch.Acknowledge(virtual, []wire.PacketID{packet})
	if k.advance(virtual); sealsWith(t, k) != 2 {
		t.Error("not sealed with keys that the peer has")
	}
}

// TestKeysEndOneByOne: each opens packets until its transition window is over, counted
// from when the next was installed, also where that is twice.
func TestKeysEndOneByOne(t *testing.T) {
	k := testGenerations(t)
	k.install(virtual.Add(10*time.Minute), testGeneration(t, 1), true)
	k.install(virtual.Add(20*time.Minute), testGeneration(t, 2), true)
	k.install(virtual.Add(30*time.Minute), testGeneration(t, 3), true)
	for _, c := range []struct {
		after time.Duration
		want  []wire.KeyID
		next  time.Duration // the first deadline, 0 for none
	}{
		{31 * time.Minute, []wire.KeyID{0, 1, 2, 3}, testTran + 10*time.Minute},
		{testTran + 10*time.Minute - 1, []wire.KeyID{0, 1, 2, 3}, testTran + 10*time.Minute},
		{testTran + 10*time.Minute, []wire.KeyID{1, 2, 3}, testTran + 20*time.Minute},
		{testTran + 20*time.Minute, []wire.KeyID{2, 3}, testTran + 30*time.Minute},
		{testTran + 30*time.Minute, []wire.KeyID{3}, 0},
	} {
		k.advance(virtual.Add(c.after))
		if got := opens(k); !slices.Equal(got, c.want) {
			t.Errorf("after %v: %v, want %v", c.after, got, c.want)
		}
		var first time.Time
		k.deadlines(func(at time.Time) {
			if first.IsZero() || at.Before(first) {
				first = at
			}
		})
		if c.next == 0 != first.IsZero() || c.next != 0 && !first.Equal(virtual.Add(c.next)) {
			t.Errorf("after %v: due at %v, want %v", c.after, first.Sub(virtual), c.next)
		}
	}
}

// TestKeyIDsComeRound: keys that take the id of waning ones are not retired in
// their place.
func TestKeyIDsComeRound(t *testing.T) {
	k := testGenerations(t)
	k.install(virtual.Add(time.Minute), testGeneration(t, 1), true)
	k.install(virtual.Add(2*time.Minute), testGeneration(t, 2), true)
	k.install(virtual.Add(3*time.Minute), testGeneration(t, 0), true)
	k.advance(virtual.Add(2 * testTran))
	if got := opens(k); !slices.Equal(got, []wire.KeyID{0}) {
		t.Errorf("left are %v", got)
	}
}

// TestWhoTalks: the newest whose keys are exchanged and whose TLS is open.
func TestWhoTalks(t *testing.T) {
	k := testGenerations(t)
	if k.talking() != nil {
		t.Error("somebody talks without TLS")
	}
	k.active.tls = new(tlsMachine)
	k.next = newGeneration(1, reliable.New(0, time.Second), virtual, testHand)
	k.next.tls, k.next.phase = new(tlsMachine), phaseVerdict
	if k.talking() != k.active {
		t.Error("not the keys in use, while the next are exchanged")
	}
	if k.next.phase = phasePush; k.talking() != k.next {
		t.Error("not the next")
	}
	if k.find(1) != k.next || k.find(2) != nil {
		t.Error("not found by its id")
	}
	if k.next.ch = nil; k.find(1) != nil {
		t.Error("one is found that takes no packets")
	}
}
