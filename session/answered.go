package session

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"culvert/session/wire"
)

// answeredSlots is how many answers to first packets are remembered. Each has one
// slot where it can be, and replaces the one that was there: that client's first
// round trip is not known then, which costs nothing else.
const answeredSlots = 4096

// answered remembers when first packets were answered, in a fixed amount of
// memory: the time until the client's next packet is the first measure of the
// round trip. The zero value is ready, and safe for concurrent use.
type answered struct {
	seed  maphash.Seed
	begin sync.Once
	mu    sync.Mutex
	slots [answeredSlots]struct {
		key uint64
		at  time.Time // zero: answered more than once, so that nobody knows which it was
	}
}

// key is a number for a client at an address, which nobody outside can choose.
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
func (a *answered) note(now time.Time, key uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slot := &a.slots[key%answeredSlots]; slot.key == key {
		slot.at = time.Time{}
	} else {
		slot.key, slot.at = key, now
	}
}

// roundTrip is the time since the only answer to a client, 0 if that is not known.
func (a *answered) roundTrip(now time.Time, key uint64) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	slot := &a.slots[key%answeredSlots]
	if slot.key != key || slot.at.IsZero() {
		return 0
	}
	return now.Sub(slot.at)
}
