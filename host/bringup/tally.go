package bringup

import (
	"context"
	"maps"
	"net/netip"
	"sync"
	"time"
)

// learning takes the addresses that a chosen name leads to (Learner).
type learning func(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error

// mostTallied is from how many addresses on those that count no more are forgotten at once:
// no more are learned.
const mostTallied = 1 << 16

// tally counts the addresses that were learned and still count. The zero value is empty.
type tally struct {
	mu      sync.Mutex
	until   map[netip.Addr]time.Time
	trouble error // of the last answer, nil if its addresses were learned
}

// of returns learn with its results counted.
func (t *tally) of(learn learning) learning {
	return func(ctx context.Context, addrs []netip.Addr, lifetime time.Duration) error {
		err := learn(ctx, addrs, lifetime)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.trouble = err; err != nil {
			return err
		}
		if t.until == nil {
			t.until = map[netip.Addr]time.Time{}
		}
		now := time.Now()
		if len(t.until) >= mostTallied {
			maps.DeleteFunc(t.until, func(_ netip.Addr, until time.Time) bool { return !until.After(now) })
		}
		for _, a := range addrs {
			if until := now.Add(lifetime); until.After(t.until[a]) {
				t.until[a] = until
			}
		}
		return nil
	}
}

// now returns how many count, and what the last answer's trouble was.
func (t *tally) now() (n int, trouble error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, until := range t.until {
		if until.After(now) {
			n++
		}
	}
	return n, t.trouble
}

// Learned is how many addresses of chosen names are known and count, and why the last ones
// could not be learned, nil if they were.
func (a *Adapter) Learned() (addresses int, trouble error) {
	if d, ok := a.applied.(*divided); ok {
		return d.tally.now()
	}
	return 0, nil
}
