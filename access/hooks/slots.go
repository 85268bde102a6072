package hooks

import (
	"context"
	"net/netip"
	"sync"
)

// Slots limits how many programs run for peers at the same time. The next turn
// goes to the source that has the fewest running, and no source ever has more than
// a quarter of the slots: whoever floods waits behind themselves.
type Slots struct {
	mu        sync.Mutex
	free      int
	perSource int
	running   map[netip.Prefix]int
	waiting   []*turn // longest first
}

// turn is somebody's wait for a slot.
type turn struct {
	source netip.Prefix
	come   chan struct{} // closed when it has come
}

// NewSlots returns Slots for at most n programs at the same time.
func NewSlots(n int) *Slots {
	return &Slots{free: n, perSource: max(n/4, 1), running: make(map[netip.Prefix]int)}
}

// Acquire waits for a slot for a source. If ctx ends first, it returns the error
// of ctx. Call release once when done with the slot.
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

// release gives back a slot of a source.
func (s *Slots) release(source netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if s.running[source]--; s.running[source] == 0 {
		delete(s.running, source)
	}
	s.hand()
}

// leave gives up a wait, or the slot if its turn has come meanwhile.
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

// next is the index of the turn that is next, -1 for none. The caller holds mu.
func (s *Slots) next() int {
	best, least := -1, s.perSource
	for i, t := range s.waiting {
		if n := s.running[t.source]; n < least {
			best, least = i, n
		}
	}
	return best
}
