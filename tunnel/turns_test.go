package tunnel

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// A loop that never waits lets others run, and not for every batch.
func TestTurns(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var others turns
	now := time.Now()
	others.give(now)
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{turn - 1, false}, {turn, true}, {turn + turn/2, false}, {2 * turn, true}} {
		var ran atomic.Bool
		go ran.Store(true)
		others.give(now.Add(c.after))
		last := others.last
		for tries := 0; c.want && !ran.Load() && tries < 3; tries++ {
			// Once in many times the scheduler looks first where this goroutine waits.
			others.give(others.last.Add(turn))
		}
		others.last = last
		if got := ran.Load(); got != c.want {
			t.Errorf("after %v: others ran %v", c.after, got)
		}
		for !ran.Load() {
			runtime.Gosched()
		}
	}
}
