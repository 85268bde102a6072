package server

import (
	"net/netip"
	"sync"
	"time"
)

// strangers bounds what a server logs of packets from addresses it does not
// know: one line a minute for each, and for no more than a few addresses at
// once. The zero value is ready.
type strangers struct {
	mu   sync.Mutex
	seen map[netip.Addr]time.Time

	second time.Time // when failures began to be counted
	failed int       // handshakes, since then
}

const (
	strangerInterval = time.Minute
	maxStrangers     = 64
	// maxFailures is how many handshakes that failed are logged in a second.
	maxFailures = 20
)

// failure counts a handshake that failed, and reports whether to log it.
func (s *strangers) failure(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.second) >= time.Second {
		s.second, s.failed = now, 0
	}
	s.failed++
	return s.failed <= maxFailures
}

func (s *strangers) allow(now time.Time, a netip.Addr) bool {
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
