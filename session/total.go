package session

import (
	"net/netip"
	"sync"
	"time"
)

// total bounds the events of all sources together: at most rate.N in each period of
// rate.Per, the first of which begins with the first event, as OpenVPN counts. It is
// safe for concurrent use.
type total struct {
	rate  Rate
	mu    sync.Mutex
	began time.Time // when this period did
	n     int       // events in it that count
}

// allow counts an event, and reports whether it is within the rate.
func (t *total) allow(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.began) >= t.rate.Per {
		t.began, t.n = now, 0
	}
	if t.n >= t.rate.N {
		return false
	}
	t.n++
	return true
}

// uncount takes back one event that was allowed.
func (t *total) uncount() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n = max(0, t.n-1)
}

// answerLimits bound the answers to first packets: of each source, and of all together.
type answerLimits struct {
	source *limiter
	inAll  total // its rate is zero: no limit
}

func newAnswerLimits(inAll Rate) *answerLimits {
	return &answerLimits{newLimiter(SourceAnswers.orMore(inAll)), total{rate: inAll}}
}

// orMore is the rate that allows what either does.
func (r Rate) orMore(other Rate) Rate {
	if other.N == 0 {
		return r
	}
	n, every := max(r.N, other.N), min(r.Per/time.Duration(r.N), other.Per/time.Duration(other.N))
	return Rate{n, time.Duration(n) * every}
}

// allow counts a first packet of a source: nil, ErrTooMany or ErrTooManyInAll.
func (l *answerLimits) allow(now time.Time, from netip.Addr) error {
	switch {
	case !l.source.allow(now, from):
		return ErrTooMany
	case l.inAll.rate.N > 0 && !l.inAll.allow(now):
		return ErrTooManyInAll
	}
	return nil
}
