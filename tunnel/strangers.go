package tunnel

import (
	"net/netip"
	"sync"
	"time"
)

// Strangers bounds what is logged of packets from addresses that are not
// known: one line a minute for each, and for no more than a few addresses at
// once. The zero value is ready.
type Strangers struct {
	mu   sync.Mutex
	seen map[netip.Addr]time.Time

	minute time.Time // when failures began to be counted
	failed int       // handshakes, since then
	more   Tally     // that were not logged
}

const (
	strangerInterval = time.Minute
	maxStrangers     = 64
	// maxFailures is how many handshakes that failed are logged in a minute, one
	// by one.
	maxFailures = 20
)

// Failure counts a handshake that failed, and reports whether to log it. Those
// that are not are summed up for more.
func (s *Strangers) Failure(now time.Time, more func(n int)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.minute) >= time.Minute {
		s.minute, s.failed = now, 0
	}
	if s.failed++; s.failed <= maxFailures {
		return true
	}
	s.more.Count(more)
	return false
}

// Stop ends the summing up.
func (s *Strangers) Stop() { s.more.Stop() }

// Allow reports whether to log what came from an address.
func (s *Strangers) Allow(now time.Time, a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.seen[a]; ok && now.Sub(last) < strangerInterval {
		return false
	}
	if len(s.seen) >= maxStrangers {
		for a, last := range s.seen {
			if now.Sub(last) >= strangerInterval {
				delete(s.seen, a)
			}
		}
		if len(s.seen) >= maxStrangers {
			return false
		}
	}
	if s.seen == nil {
		s.seen = make(map[netip.Addr]time.Time)
	}
	s.seen[a] = now
	return true
}
