// Package watch lets several readers at once follow packets on a tunnel's
// road. It is where the data path ends and readers begin: what it is told is
// taken over at once or lost and counted, and nobody waits.
package watch

import (
	"slices"
	"sync"
	"sync/atomic"

	"culvert/tunnel"
)

// Watcher chooses packets to follow. Its methods are called on the data path,
// by several goroutines.
type Watcher interface {
	// Begin is told of a packet at its first stop, and returns who follows it
	// from this stop on; nil if nobody does. No two packets have the same
	// number.
	Begin(number uint64, s *tunnel.Sight) Follower
}

// Follower sees one packet, by one goroutine.
type Follower interface {
	// See returns false to see no more of the packet; else the last stop is
	// tunnel.AtEnd.
	See(s *tunnel.Sight) bool
}

// Eyes watch one road for any number of watchers. As long as there is none,
// the road is not watched. Make it with New.
type Eyes struct {
	road *tunnel.Watched

	mu       sync.Mutex
	watchers atomic.Pointer[[]Watcher]
	number   atomic.Uint64
}

// New returns eyes for a road.
func New(road *tunnel.Watched) *Eyes { return &Eyes{road: road} }

// Add has w watch until the returned function is called.
func (e *Eyes) Add(w Watcher) (remove func()) {
	e.change(func(list []Watcher) []Watcher { return append(list, w) })
	return func() {
		e.change(func(list []Watcher) []Watcher {
			return slices.DeleteFunc(list, func(other Watcher) bool { return other == w })
		})
	}
}

func (e *Eyes) change(f func([]Watcher) []Watcher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []Watcher
	if now := e.watchers.Load(); now != nil {
		list = slices.Clone(*now)
	}
	list = f(list)
	e.watchers.Store(&list)
	if len(list) == 0 {
		e.road.Store(nil)
		return
	}
	var seer tunnel.Observer = e
	e.road.Store(&seer)
}

// flight is what Eyes keep with a packet.
type flight struct{ followers []Follower }

// See is for the road. See tunnel.Observer.
func (e *Eyes) See(s *tunnel.Sight) {
	f, _ := s.Packet.Note.(*flight)
	if f == nil {
		if f = e.begin(s); f == nil {
			return
		}
		s.Packet.Note = f
	}
	f.followers = slices.DeleteFunc(f.followers, func(one Follower) bool { return !one.See(s) })
	if len(f.followers) == 0 {
		s.Packet.Note = nil
	}
}

// begin asks who follows a packet; nil if nobody does.
func (e *Eyes) begin(s *tunnel.Sight) *flight {
	var f flight
	number := e.number.Add(1)
	for _, w := range *e.watchers.Load() {
		if one := w.Begin(number, s); one != nil {
			f.followers = append(f.followers, one)
		}
	}
	if len(f.followers) == 0 {
		return nil
	}
	return &f
}
