package accounting

import "sync"

// Stats is how accounting fares.
type Stats struct {
	Lost    uint64 // what was never written or told, since this process began
	Trouble string // why nothing can be written or told now; "": it can
}

// tally has Stats for any goroutine.
type tally struct {
	mu    sync.Mutex
	stats Stats
}

// Stats is how it fares now. Any goroutine may call it.
func (t *tally) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// lose counts what is lost, and returns how much that is.
func (t *tally) lose(n uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.Lost += n
	return t.stats.Lost
}

// fares notes how the last attempt went, and reports whether the one before went otherwise.
func (t *tally) fares(err error) (turned bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	turned = (t.stats.Trouble == "") != (err == nil)
	t.stats.Trouble = trouble
	return turned
}
