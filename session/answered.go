package session

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"culvert/session/wire"
)

// answeredSlots is how many answers to first packets are remembered. Beyond
// that, a new one replaces an old one, which costs nothing but an estimate.
const answeredSlots = 4096

// answered remembers when first packets were answered, in a fixed amount of
// memory: the time until the client's next packet is the first measure of the
// round trip. The zero value is ready, and safe for concurrent use.
type answered struct {
	seed  maphash.Seed
	begin sync.Once
	mu    sync.Mutex
	slots [answeredSlots]struct {
		key    uint64
		at     time.Time // zero: answered more than once, so that nobody knows which it was
		proven bool
	}
}

func (a *answered) key(from netip.AddrPort, client wire.SessionID) uint64 {
	a.begin.Do(func() { a.seed = maphash.MakeSeed() })
	var h maphash.Hash
	h.SetSeed(a.seed)
	at := from.Addr().As16()
	h.Write(at[:])
	h.Write([]byte{byte(from.Port() >> 8), byte(from.Port())})
	h.Write(client[:])
	return h.Sum64()
}

// note remembers an answer.
func (a *answered) note(now time.Time, from netip.AddrPort, client wire.SessionID) {
	key := a.key(from, client)
	a.mu.Lock()
	defer a.mu.Unlock()
	if slot := &a.slots[key%answeredSlots]; slot.key == key {
		slot.at = time.Time{}
	} else {
		slot.key, slot.at, slot.proven = key, now, false
	}
}

// proven notes that a client has proven its address. roundTrip is the time since the
// only answer to it, 0 if that is not known. first: an answer to it is known, and it
// proves its address for the first time.
func (a *answered) proven(now time.Time, from netip.AddrPort, client wire.SessionID) (roundTrip time.Duration, first bool) {
	key := a.key(from, client)
	a.mu.Lock()
	defer a.mu.Unlock()
	slot := &a.slots[key%answeredSlots]
	if slot.key != key {
		return 0, false
	}
	if !slot.at.IsZero() {
		roundTrip = now.Sub(slot.at)
	}
	first, slot.proven = !slot.proven, true
	return roundTrip, first
}
