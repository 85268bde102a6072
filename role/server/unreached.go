package server

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"culvert/internal/buf"
	"culvert/session/wire"
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
	asking  map[asking]*asked
	timer   *time.Timer
	stopped bool
}

// asking is a first packet of somebody: whoever only measures the way sends others each
// time.
type asking struct {
	from netip.AddrPort
	id   wire.SessionID
}

// askingOf is who sent a control packet.
func askingOf(p *buf.Packet) asking {
	var header wire.Control
	header.ParseHeader(p.Bytes()) // the zero id stands for what is no packet
	return asking{p.Path.Remote, header.Session}
}

// asked is how often somebody was answered, and since when.
type asked struct {
	since time.Time
	times int
}

// answered takes note that a first packet was answered.
func (u *unreached) answered(now time.Time, first asking) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a := u.asking[first]; a != nil {
		a.times++
		return
	}
	if len(u.asking) >= maxAnswered || u.stopped {
		return
	}
	if u.asking == nil {
		u.asking = make(map[asking]*asked)
	}
	u.asking[first] = &asked{since: now, times: 1}
	if u.timer == nil {
		u.timer = time.AfterFunc(unreachedAfter, u.look)
	}
}

// wentOn takes note that somebody has gone on to a session. Whatever else its address
// asked once was to measure the way.
func (u *unreached) wentOn(first asking) {
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.asking, func(other asking, a *asked) bool {
		return other == first || a.times == 1 && other.from.Addr() == first.from.Addr()
	})
}

// look reports those who still ask, and those who asked once and are heard of no more,
// and forgets them. Several first packets of one address that come once each are
// samples of the way.
func (u *unreached) look() {
	now := time.Now()
	for first, times := range u.late(now) {
		u.report(now, first.from, times)
	}
}

// late removes those who were answered long ago, returns those of them to report, and
// sets the timer for the others.
func (u *unreached) late(now time.Time) map[asking]int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.timer = nil
	all, next := make(map[asking]int), unreachedAfter
	askers := make(map[netip.Addr]int)
	for first := range u.asking {
		askers[first.from.Addr()]++
	}
	for first, a := range u.asking {
		age := now.Sub(a.since)
		if age < unreachedAfter {
			next = min(next, unreachedAfter-age)
			continue
		}
		if a.times > 1 || askers[first.from.Addr()] == 1 {
			all[first] = a.times
		}
		delete(u.asking, first)
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
