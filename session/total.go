package session

import (
	"net/netip"
	"sync"
	"time"
)

// maxTakers is how many clients a total remembers places for, which takes less
// than 5 MB. Places of more than that at once are not given back before the period is
// over.
const maxTakers = 1 << 17

// total bounds the events of all sources together: at most rate.N in each period of
// rate.Per, the first of which begins with the first event, as OpenVPN counts. Who took
// places of the period can give them back. It is safe for concurrent use.
type total struct {
	rate   Rate
	mu     sync.Mutex
	began  time.Time        // when this period did
	n      int              // events in it that count
	takers map[uint64]int32 // how many of them are whose: at most n in all, and maxTakers clients
}

// allow counts an event of a client, by a number of its own, and reports whether it is
// within the rate.
func (t *total) allow(now time.Time, who uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.began) >= t.rate.Per {
		t.began, t.n = now, 0
		clear(t.takers)
	}
	if t.n >= t.rate.N {
		return false
	}
	t.n++
	if t.takers == nil {
		t.takers = make(map[uint64]int32)
	}
	if n := t.takers[who]; n > 0 || len(t.takers) < maxTakers {
		t.takers[who] = n + 1
	}
	return true
}

// giveBack has the events of a client in this period count no more. Nothing is given
// back twice: what the client has not taken, or gave back, is none of its.
func (t *total) giveBack(who uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n -= int(t.takers[who])
	delete(t.takers, who)
}

// answerLimits bound the answers to first packets: of each source, and of all together.
type answerLimits struct {
	source *Limiter
	inAll  total // its rate is zero: no limit
}

func newAnswerLimits(inAll Rate) *answerLimits {
	return &answerLimits{NewLimiter(SourceAnswers.OrMore(inAll)), total{rate: inAll}}
}

// OrMore is the rate that allows what either does; the zero Rate allows nothing.
func (r Rate) OrMore(other Rate) Rate {
	if other.N == 0 {
		return r
	}
	n, every := max(r.N, other.N), min(r.Per/time.Duration(r.N), other.Per/time.Duration(other.N))
	return Rate{n, time.Duration(n) * every}
}

// allow counts a first packet of a client at a source: nil, ErrTooMany or ErrTooManyInAll.
func (l *answerLimits) allow(now time.Time, from netip.Addr, who uint64) error {
	switch {
	case !l.source.Allow(now, from):
		return ErrTooMany
	case l.inAll.rate.N > 0 && !l.inAll.allow(now, who):
		return ErrTooManyInAll
	}
	return nil
}
