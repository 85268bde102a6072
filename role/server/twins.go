package server

import (
	"sync"
	"time"
)

// twins remembers which names were used from two places at once, so that the log asks
// about each once in a while and not each time that one device cuts off the other. The zero
// value is empty.
type twins struct {
	mu   sync.Mutex
	said map[string]time.Time
}

// The log asks about a name again after askAgain. maxTwins bounds the memory: names are
// those of authentic certificates.
const (
	askAgain = time.Hour
	maxTwins = 4096
)

// again reports whether a name was asked about not long ago; else it is now.
func (t *twins) again(name string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.said[name]; ok && now.Sub(last) < askAgain {
		return true
	}
	if t.said == nil || len(t.said) >= maxTwins {
		t.said = make(map[string]time.Time)
	}
	t.said[name] = now
	return false
}
