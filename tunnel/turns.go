package tunnel

import (
	"runtime"
	"time"
)

// turn is how long a loop that always finds packets runs before other goroutines of
// this process get their turn.
const turn = 500 * time.Microsecond

// turns lets the other direction run beside a loop that never waits. The runtime
// asks its poller when a processor is idle. If none is idle, its monitor asks, but
// the monitor sleeps while no goroutine makes a call that it knows of, and it does
// not know of ours. On one processor, the acknowledgements of a stream waited until
// all packets of the stream had been carried: 20 ms.
type turns struct{ last time.Time }

// give is called for each batch. Yielding wakes an idle processor of the runtime,
// which asks the poller; cmd/culvert makes sure that there are two processors.
func (t *turns) give(now time.Time) {
	if now.Sub(t.last) >= turn {
		t.last = now
		runtime.Gosched()
	}
}
