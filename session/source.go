package session

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Source is what limits count as one sender: an IPv4 address, or the /56 that
// an IPv6 site is commonly given (RFC 6177).
func Source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 56
	}
	p, _ := a.Prefix(bits)
	return p
}

// Rate is at most N events in each Per. All of them may come at once.
type Rate struct {
	N   int
	Per time.Duration
}

// sourceSlots is how many sources are counted apart. If there are more, some
// share a count, and a sender cannot know which.
const sourceSlots = 8192

// Limiter bounds the events of each source by a rate, in a fixed amount of
// memory, by the generic cell rate algorithm (ITU-T I.371): a slot holds when
// its next event would be due if they were evenly spaced, in nanoseconds since
// the first event of all. It is safe for concurrent use.
type Limiter struct {
	interval, burst time.Duration
	begin           sync.Once
	born            time.Time
	seed            maphash.Seed
	slots           [sourceSlots]atomic.Int64
}

// NewLimiter returns a limiter to a rate, whose N is at least 1.
func NewLimiter(r Rate) *Limiter {
	return &Limiter{interval: r.Per / time.Duration(r.N), burst: r.Per, seed: maphash.MakeSeed()}
}

// Allow counts an event of an address's source, and reports whether it is within the rate.
func (l *Limiter) Allow(now time.Time, from netip.Addr) bool {
	at := Source(from).Addr().As16()
	return l.AllowKey(now, at[:])
}

// AllowKey is Allow for what bytes stand for.
func (l *Limiter) AllowKey(now time.Time, key []byte) bool {
	l.begin.Do(func() { l.born = now })
	slot := &l.slots[maphash.Bytes(l.seed, key)%sourceSlots]
	elapsed := int64(now.Sub(l.born))
	for {
		was := slot.Load()
		due := max(was, elapsed) + int64(l.interval)
		if due-elapsed > int64(l.burst) {
			return false
		}
		if slot.CompareAndSwap(was, due) {
			return true
		}
	}
}
