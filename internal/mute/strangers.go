package mute

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// Strangers limits what is logged about packets from unknown addresses: one line a
// minute for each address, and only for a few addresses at once. The zero value is
// ready.
type Strangers struct {
	mu   sync.Mutex
	seen map[netip.Addr]time.Time

	failures map[failure]*repeated
	minute   time.Time // when failures began to be counted
	failed   int       // handshakes, since then
	more     Tally     // that were not logged
}

// failure is one kind of failure of one address.
type failure struct {
	from netip.Addr
	kind string
}

// repeated is how often a failure came, and when it was logged last.
type repeated struct {
	logged time.Time
	times  int
}

const (
	strangerInterval = time.Minute
	// strangerForgotten is when a failure becomes news again: more than the longest
	// wait between two tries of a client.
	strangerForgotten = 10 * time.Minute
	maxStrangers      = 64
	// maxFailures is how many failed handshakes are logged one by one in a minute.
	maxFailures = 20
)

// Failure counts a failed handshake of an address, by the kind of its failure
// (Kind). It returns 0 if it should not be logged: because the same was logged less
// than a minute ago, or because there are too many, which are summed up for more.
// Otherwise it returns how often it has come so far: 1 for the first time.
func (s *Strangers) Failure(now time.Time, from netip.Addr, kind string, more func(n int)) (times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.failures[failure{from, kind}]
	if known != nil && now.Sub(known.logged) >= strangerForgotten {
		known = nil
	}
	if known != nil {
		known.times++
		if now.Sub(known.logged) < strangerInterval {
			return 0
		}
	}
	if now.Sub(s.minute) >= time.Minute {
		s.minute, s.failed = now, 0
	}
	if s.failed++; s.failed > maxFailures {
		s.more.Count(more)
		return 0
	}
	if known == nil {
		known = &repeated{times: 1}
		s.keep(now, failure{from, kind}, known)
	}
	known.logged = now
	return known.times
}

// Known reports whether a failure of an address was logged, and is not forgotten.
func (s *Strangers) Known(now time.Time, from netip.Addr, kind string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.failures[failure{from, kind}]
	return r != nil && now.Sub(r.logged) < strangerForgotten
}

// keep remembers a failure unless there are too many. If there are, it first
// forgets old ones.
func (s *Strangers) keep(now time.Time, f failure, r *repeated) {
	if len(s.failures) >= maxStrangers {
		maps.DeleteFunc(s.failures, func(_ failure, old *repeated) bool { return now.Sub(old.logged) >= strangerForgotten })
	}
	if s.failures == nil {
		s.failures = make(map[failure]*repeated)
	}
	if len(s.failures) < maxStrangers {
		s.failures[f] = r
	}
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
