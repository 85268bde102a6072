package tunnel

import (
	"runtime"
	"time"
)

// turn is how long a loop that always finds packets runs before others of this
// process have their turn.
const turn = 500 * time.Microsecond

// turns lets the other direction run beside a loop that never waits. The
// runtime asks the poller when a processor is idle; its monitor, which asks in
// case none is, sleeps while no goroutine makes a call that it knows of, and ours
// go past it. On one processor the acknowledgements of a stream waited for all
// that was there of the stream: 20 ms.
type turns struct{ last time.Time }

// give is for each batch. Yielding wakes a processor of the runtime that is idle,
// and that one asks the poller; cmd/culvert sees to it that there are two.
func (t *turns) give(now time.Time) {
	if now.Sub(t.last) >= turn {
		t.last = now
		runtime.Gosched()
	}
}
