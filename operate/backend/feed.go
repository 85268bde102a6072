package backend

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Feed hands events to any number of readers. Publishing waits for none of them.
// The zero value is ready.
type Feed struct {
	mu      sync.Mutex
	readers []*Reader
	closed  bool
	lost    uint64 // events, of all readers
}

// Publish hands an event to every reader.
func (f *Feed) Publish(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.readers {
		if !r.push(e) {
			f.lost++
		}
	}
}

// Reading returns how many readers there are, and how many events were lost so far because
// one of them was too slow, each counted for each reader.
func (f *Feed) Reading() (readers int, lost uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.readers), f.lost
}

// Close ends what every reader has to read.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, r := range f.readers {
		close(r.queue)
	}
	f.readers = nil
}

// Add returns a reader for which room events can wait.
func (f *Feed) Add(room int) *Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &Reader{feed: f, queue: make(chan queued, room)}
	if f.closed {
		close(r.queue)
		return r
	}
	f.readers = append(f.readers, r)
	return r
}

// queued is an event, and how many were lost before it for want of room.
type queued struct {
	Event
	lost uint64
}

// Reader reads the events of a back end, one after the other, from when it was made.
// It is for one goroutine.
type Reader struct {
	feed  *Feed
	queue chan queued
	ahead *Event // comes before the queue

	// lost is of feed.mu: events lost since the last one in the queue.
	lost uint64
}

// push is for the feed, which holds its lock. It reports false for an event that is lost.
func (r *Reader) push(e Event) bool {
	select {
	case r.queue <- queued{e, r.lost}:
		r.lost = 0
		return true
	default:
		r.lost++
		return false
	}
}

// Next waits for the next event. It reports false when nothing more will happen, or
// when ctx has ended and no event waits. An event of the kind Missed stands where
// events were lost because this reader was too slow.
func (r *Reader) Next(ctx context.Context) (Event, bool) {
	if e := r.ahead; e != nil {
		r.ahead = nil
		return *e, true
	}
	if n := r.tail(); n > 0 {
		return missed(n, time.Now()), true
	}
	select {
	case q, more := <-r.queue:
		return r.took(q, more)
	default:
	}
	select {
	case q, more := <-r.queue:
		return r.took(q, more)
	case <-ctx.Done():
		return Event{}, false
	}
}

// took is the next event, with q taken out of the queue.
func (r *Reader) took(q queued, more bool) (Event, bool) {
	if q.lost == 0 {
		return q.Event, more
	}
	r.ahead = &q.Event
	return missed(q.lost, q.Time), true
}

// tail takes the number of events that were lost with none after them.
func (r *Reader) tail() (n uint64) {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	if len(r.queue) > 0 {
		return 0
	}
	n, r.lost = r.lost, 0
	return n
}

func missed(n uint64, when time.Time) Event { return Event{Time: when, Kind: Missed, Count: n} }

// Close ends the reading. It may be called again, and after the end.
func (r *Reader) Close() {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	r.feed.readers = slices.DeleteFunc(r.feed.readers, func(other *Reader) bool { return other == r })
}
