package server

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// unreachedAfter is when a client that was answered, and asks again in place of going
	// on, counts as one that answers do not reach.
	unreachedAfter = 4500 * time.Millisecond
	// maxAnswered bounds the clients that are watched at once. Anybody can send first
	// packets in others' names.
	maxAnswered = 64
)

// unreached watches a few of those whose first packet was answered. Its zero value with
// report set is ready.
type unreached struct {
	report func(now time.Time, from netip.AddrPort, times int)

	mu      sync.Mutex
	asking  map[netip.AddrPort]*asked
	timer   *time.Timer
	stopped bool
}

// asked is how often somebody was answered, and since when.
type asked struct {
	since time.Time
	times int
}

// answered takes note that a first packet from an address was answered.
func (u *unreached) answered(now time.Time, from netip.AddrPort) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a := u.asking[from]; a != nil {
		a.times++
		return
	}
	if len(u.asking) >= maxAnswered || u.stopped {
		return
	}
	if u.asking == nil {
		u.asking = make(map[netip.AddrPort]*asked)
	}
	u.asking[from] = &asked{since: now, times: 1}
	if u.timer == nil {
		u.timer = time.AfterFunc(unreachedAfter, u.look)
	}
}

// wentOn takes note that somebody has gone on to a session.
func (u *unreached) wentOn(from netip.AddrPort) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.asking, from)
}

// look reports those who still ask, and forgets them.
func (u *unreached) look() {
	now := time.Now()
	for from, times := range u.late(now) {
		if times > 1 {
			u.report(now, from, times)
		}
	}
}

// late removes those who were answered long ago, and sets the timer for the others.
func (u *unreached) late(now time.Time) map[netip.AddrPort]int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.timer = nil
	all, next := make(map[netip.AddrPort]int), unreachedAfter
	for from, a := range u.asking {
		age := now.Sub(a.since)
		if age < unreachedAfter {
			next = min(next, unreachedAfter-age)
			continue
		}
		all[from] = a.times
		delete(u.asking, from)
	}
	if len(u.asking) > 0 && !u.stopped {
		u.timer = time.AfterFunc(next, u.look)
	}
	return all
}

// stop ends the watch.
func (u *unreached) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
	if u.timer != nil {
		u.timer.Stop()
	}
}
