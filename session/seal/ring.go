package seal

import (
	"sync"
	"sync/atomic"

	"culvert/internal/buf"
	"culvert/session/wire"
)

// Ring holds the generations of a session: the one in use, the next while it
// is negotiated, the last while its packets are still on their way; at most
// one for each key id. The zero value is empty.
//
// All methods are safe for concurrent use. Seal and Open read a snapshot and
// take no lock that a change of keys holds.
type Ring struct {
	change sync.Mutex
	closed bool
	keys   atomic.Pointer[ringKeys]
}

// ringKeys is a snapshot; it never changes.
type ringKeys struct {
	send *Generation
	byID [8]*Generation
}

// Install makes packets of g acceptable from now on. A generation with the
// same key id is retired.
func (r *Ring) Install(g *Generation) {
	r.update(func(k *ringKeys) {
		k.retire(g.key)
		k.byID[g.key] = g
	})
}

// SendWith seals packets with an installed generation from now on. When there
// is none with this key id, Seal fails with ErrNoKey.
func (r *Ring) SendWith(key wire.KeyID) {
	r.update(func(k *ringKeys) { k.send = k.byID[key&7] })
}

// Retire forgets a generation, both to send with and to receive. It does
// nothing when there is none.
func (r *Ring) Retire(key wire.KeyID) {
	r.update(func(k *ringKeys) { k.retire(key) })
}

// Close forgets every generation, and those that are installed later: from now
// on Seal and Open fail with ErrNoKey.
func (r *Ring) Close() {
	r.update(func(k *ringKeys) { r.closed = true })
}

func (k *ringKeys) retire(key wire.KeyID) {
	if k.send != nil && k.send == k.byID[key&7] {
		k.send = nil
	}
	k.byID[key&7] = nil
}

// Cipher is the cipher of the generation in use, 0 without one.
func (r *Ring) Cipher() Cipher {
	if k := r.keys.Load(); k != nil && k.send != nil {
		return k.send.cipher
	}
	return 0
}

// Fit is the longest plaintext whose packet is no longer than size bytes, under
// the generation in use, or else any that is installed; ok is false when there
// is none.
func (r *Ring) Fit(size int) (n int, ok bool) {
	k := r.keys.Load()
	if k == nil {
		return 0, false
	}
	for _, g := range append([]*Generation{k.send}, k.byID[:]...) {
		if g != nil {
			return g.Fit(size), true
		}
	}
	return 0, false
}

func (r *Ring) update(change func(*ringKeys)) {
	r.change.Lock()
	defer r.change.Unlock()
	var next ringKeys
	if k := r.keys.Load(); k != nil {
		next = *k
	}
	if change(&next); r.closed {
		next = ringKeys{}
	}
	r.keys.Store(&next)
}

// Seal makes the plaintext p a whole P_DATA packet, in place. p is a single
// packet, not a run of segments; it panics when p lacks 24 bytes of headroom
// or 16 of tailroom. Packets must leave in the order they were sealed in.
//
// It fails with ErrNoKey or ErrExhausted. On failure p is empty, so that no
// plaintext can leave by mistake; its Path is kept.
func (r *Ring) Seal(p *buf.Packet) error {
	err := r.seal(p)
	if err != nil {
		p.TrimBack(p.Len())
	}
	return err
}

func (r *Ring) seal(p *buf.Packet) error {
	k := r.keys.Load()
	if k == nil || k.send == nil {
		return ErrNoKey
	}
	return k.send.seal(p)
}

// Open makes the P_DATA packet p plaintext, in place. now is in nanoseconds on
// a monotonic clock. p is a single packet, not a run of segments; it panics
// when p lacks 16 bytes of tailroom, which it overwrites.
//
// It fails with ErrNoKey, ErrShort, ErrReplay, ErrAuth, ErrExhausted or, when
// p is no data packet, wire.ErrMalformed. On failure p is empty, so that
// nothing unauthenticated can be passed on by mistake; its Path is kept.
func (r *Ring) Open(p *buf.Packet, now int64) error {
	err := r.open(p, now)
	if err != nil {
		p.TrimBack(p.Len())
	}
	return err
}

func (r *Ring) open(p *buf.Packet, now int64) error {
	if p.Len() == 0 {
		return ErrShort
	}
	op, key := wire.ParseHead(p.Bytes()[0])
	n := headLen(op)
	if n == 0 {
		return errOpcode
	}
	k := r.keys.Load()
	if k == nil || k.byID[key] == nil {
		return ErrNoKey
	}
	return k.byID[key].open(p, n, now)
}
