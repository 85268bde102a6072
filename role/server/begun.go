package server

import (
	"hash/maphash"
	"net/netip"
	"sync"
)

// begunSlots is how many addresses begun remembers at most. Each has one slot where it
// can be, and replaces the one that was there.
const begunSlots = 1024

// begun remembers which client began a session last, for a bounded number of addresses:
// a client that begins again has ended the handshake before by itself. Its zero value is
// ready.
type begun struct {
	once  sync.Once
	seed  maphash.Seed
	mu    sync.Mutex
	slots [begunSlots]struct {
		from   netip.Addr
		number uint64
	}
}

func (b *begun) slot(from netip.Addr) int {
	b.once.Do(func() { b.seed = maphash.MakeSeed() })
	return int(maphash.Comparable(b.seed, from) % begunSlots)
}

// note takes note of a client that begins.
func (b *begun) note(from netip.Addr, number uint64) {
	i := b.slot(from)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slots[i].from, b.slots[i].number = from, number
}

// since reports whether another client has begun at an address since that one did.
func (b *begun) since(from netip.Addr, number uint64) bool {
	i := b.slot(from)
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.slots[i].from == from && b.slots[i].number > number
}
