package auth

import (
	"context"
	"net/netip"
	"sync"
)

// Slots bounds the programs that run at one time for peers. Of those who wait
// for a turn, the one whose source has the fewest running is next, and no source
// ever has more than a quarter: who floods waits behind itself.
type Slots struct {
	mu        sync.Mutex
	free      int
	perSource int
	running   map[netip.Prefix]int
	waiting   []*turn // longest first
}

// turn is a wait for a slot.
type turn struct {
	source netip.Prefix
	come   chan struct{} // closed when it has come
}

// NewSlots has n programs run at the same time at most.
func NewSlots(n int) *Slots {
	return &Slots{free: n, perSource: max(n/4, 1), running: make(map[netip.Prefix]int)}
}

// Acquire waits for a slot for a source until ctx ends, whose error it then
// returns. Whoever has the slot calls release, once.
func (s *Slots) Acquire(ctx context.Context, source netip.Prefix) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &turn{source: source, come: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, t)
	s.hand()
	s.mu.Unlock()
	select {
	case <-t.come:
		return func() { s.release(source) }, nil
	case <-ctx.Done():
		s.leave(t)
		return nil, ctx.Err()
	}
}

// release gives a slot of a source back.
func (s *Slots) release(source netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if s.running[source]--; s.running[source] == 0 {
		delete(s.running, source)
	}
	s.hand()
}

// leave gives up a wait, or the slot that it came to meanwhile.
func (s *Slots) leave(t *turn) {
	s.mu.Lock()
	for i, other := range s.waiting {
		if other == t {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	s.release(t.source)
}

// hand gives free slots to those whose turn it is. The caller holds mu.
func (s *Slots) hand() {
	for s.free > 0 {
		next := s.next()
		if next < 0 {
			return
		}
		t := s.waiting[next]
		s.waiting = append(s.waiting[:next], s.waiting[next+1:]...)
		s.free--
		s.running[t.source]++
		close(t.come)
	}
}

// next is whose turn it is, -1 for nobody's. The caller holds mu.
func (s *Slots) next() int {
	best, least := -1, s.perSource
	for i, t := range s.waiting {
		if n := s.running[t.source]; n < least {
			best, least = i, n
		}
	}
	return best
}
