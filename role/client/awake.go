package client

import (
	"context"
	"sync"
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

// sleeper tells when this host has slept, or this process was stopped. A clock that somebody
// sets looks the same, and costs a packet.
type sleeper struct {
	now clock

	mu            sync.Mutex
	running, wall time.Duration // at the last look
}

// newSleeper returns one. now may be nil, for this host's clock.
func newSleeper(now clock) *sleeper {
	if now == nil {
		now = systemClock()
	}
	s := &sleeper{now: now}
	s.running, s.wall = now()
	return s
}

// slept returns how long the host has slept since the last look, 0 if it has not.
func (s *sleeper) slept() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since(s.now())
}

// look is slept, and a look.
func (s *sleeper) look() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	running, wall := s.now()
	slept := s.since(running, wall)
	s.running, s.wall = running, wall
	return slept
}

// since needs mu.
func (s *sleeper) since(running, wall time.Duration) time.Duration {
	if slept := max(running-s.running, wall-s.wall) - clockEvery; slept >= sleepTime {
		return slept
	}
	return 0
}

// awakenings returns a channel that receives how long this host slept, each time soon
// after it woke, until ctx ends.
func (s *sleeper) awakenings(ctx context.Context) <-chan time.Duration {
	woke := make(chan time.Duration, 1)
	go func() {
		tick := time.NewTicker(clockEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if slept := s.look(); slept > 0 {
				select {
				case woke <- slept:
				default:
				}
			}
		}
	}()
	return woke
}
