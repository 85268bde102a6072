package mute

import (
	"sync"
	"time"
)

// How long events are summed up: briefly at first, so that the log has them soon,
// and longer after that.
const (
	tallyFirst = time.Second
	tallyRest  = time.Minute
)

// Tally sums up events of any frequency for a log. The zero value is ready.
type Tally struct {
	mu    sync.Mutex
	n     int
	timer *time.Timer // nil: nothing happened lately
}

// Count counts one event. It makes say be called with how many there were: a second
// after the first, then once a minute as long as there are any.
func (t *Tally) Count(say func(n int)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if t.timer == nil {
		t.timer = time.AfterFunc(tallyFirst, func() { t.flush(say) })
	}
}

func (t *Tally) flush(say func(n int)) {
	t.mu.Lock()
	n := t.n
	t.n = 0
	if n == 0 {
		t.timer = nil
	} else if t.timer != nil {
		t.timer.Reset(tallyRest)
	}
	t.mu.Unlock()
	if n > 0 {
		say(n)
	}
}

// Stop ends the summing up, and forgets what was not said.
func (t *Tally) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n = 0
	if t.timer != nil {
		t.timer.Stop()
	}
}
