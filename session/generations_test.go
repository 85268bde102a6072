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
	k := &generations{ring: new(seal.Ring), server: true, handWindow: testHand, tranWindow: testTran}
	k.install(virtual, testGeneration(t, 0))
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

// renewedKeys installs keys 1 of a generation that has something to say, and gives the packet
// that says it.
func renewedKeys(t *testing.T, k *generations) (*generation, wire.PacketID) {
	g := testGeneration(t, 1)
	packet := g.ch.Send(wire.PControlV1, nil)
	g.ch.Poll(virtual)
	k.install(virtual, g)
	return g, packet
}

// TestServerSealsWhenAcknowledged: once the client has acknowledged all that was said to it.
func TestServerSealsWhenAcknowledged(t *testing.T) {
	k := testGenerations(t)
	g, packet := renewedKeys(t, k)
	if k.advance(virtual); sealsWith(t, k) != 0 {
		t.Error("sealed with keys that the client may not have")
	}
	g.ch.Acknowledge(virtual, []wire.PacketID{packet})
	if k.advance(virtual); sealsWith(t, k) != 1 {
		t.Error("not sealed with keys that the client has")
	}
}

// TestClientSealsWhenTrusted: an acknowledgement does not show that a server has the keys.
// Without a packet under them it is taken to have them after the time of a handshake, or
// half of the transition window if that is shorter.
func TestClientSealsWhenTrusted(t *testing.T) {
	for _, c := range []struct{ hand, tran, want time.Duration }{
		{time.Minute, time.Hour, time.Minute},
		{time.Minute, 10 * time.Second, 5 * time.Second},
	} {
		k := testGenerations(t)
		k.server, k.handWindow, k.tranWindow = false, c.hand, c.tran
		g, packet := renewedKeys(t, k)
		g.ch.Acknowledge(virtual, []wire.PacketID{packet})
		if k.advance(virtual.Add(c.want - 1)); sealsWith(t, k) != 0 {
			t.Errorf("%v: sealed with keys that the server may not have", c)
		}
		if k.advance(virtual.Add(c.want)); sealsWith(t, k) != 1 {
			t.Errorf("%v: not sealed with the new keys in the end", c)
		}
	}
}

// TestNextHandshakeShowsKeys: a peer that makes a third generation has the second.
func TestNextHandshakeShowsKeys(t *testing.T) {
	k := testGenerations(t)
	k.server = false
	renewedKeys(t, k)
	if k.install(virtual.Add(time.Second), testGeneration(t, 2)); sealsWith(t, k) != 1 {
		t.Error("not sealed with the keys before the new ones")
	}
}

// TestKeysEndOneByOne: each opens packets until its transition window is over, counted
// from when the next was installed, also where that is twice.
func TestKeysEndOneByOne(t *testing.T) {
	k := testGenerations(t)
	k.install(virtual.Add(10*time.Minute), testGeneration(t, 1))
	k.install(virtual.Add(20*time.Minute), testGeneration(t, 2))
	k.install(virtual.Add(30*time.Minute), testGeneration(t, 3))
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
	k.install(virtual.Add(time.Minute), testGeneration(t, 1))
	k.install(virtual.Add(2*time.Minute), testGeneration(t, 2))
	k.install(virtual.Add(3*time.Minute), testGeneration(t, 0))
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
