package client

import (
	"context"
	"time"
)

const (
	// clockEvery is the time between two looks at the clock.
	clockEvery = 500 * time.Millisecond
	// sleepTime is how much later than expected a look means that this host has slept, or
	// this process was stopped.
	sleepTime = 2 * time.Second
)

// clock returns how much time has passed on the clock that stands still while the host
// sleeps, and on the wall.
type clock func() (running, wall time.Duration)

// systemClock returns the clock of this host.
func systemClock() clock {
	began := time.Now()
	return func() (running, wall time.Duration) {
		now := time.Now()
		return now.Sub(began), now.Round(0).Sub(began.Round(0))
	}
}

// awakenings returns a channel that receives how long this host slept, each time soon
// after it woke, until ctx ends. A clock that somebody sets looks the same, and costs a
// packet. now may be nil, for this host's clock.
func awakenings(ctx context.Context, now clock) <-chan time.Duration {
	if now == nil {
		now = systemClock()
	}
	woke := make(chan time.Duration, 1)
	go func() {
		tick := time.NewTicker(clockEvery)
		defer tick.Stop()
		running, wall := now()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			r, w := now()
			if slept := max(r-running, w-wall) - clockEvery; slept >= sleepTime {
				select {
				case woke <- slept:
				default:
				}
			}
			running, wall = r, w
		}
	}()
	return woke
}
