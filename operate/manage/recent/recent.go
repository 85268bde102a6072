// Package recent keeps what happened to a tunnel lately, for readers that come later or
// are slow: its latest events, numbered; those of each session; and its rates by the second.
// All of it is bounded, and nothing of the tunnel waits for it.
package recent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"culvert/operate/backend"
)

// Bounds of what is kept.
const (
	events   = 4096 // in all
	ahead    = 8192 // that may wait to be taken in
	page     = 256  // that After returns at a time
	sessions = 1 << 16
)

// Numbered is an event with its number: 1 for the first of a process, and 1 more for each.
type Numbered struct {
	backend.Event
	Sequence uint64
}

// Recent keeps what happened. Make it with Keep.
type Recent struct {
	b      backend.Backend
	epoch  string
	server bool
	end    context.CancelFunc
	tasks  sync.WaitGroup

	mu      sync.Mutex
	ring    [events]backend.Event // that of sequence n at n % events
	last    uint64                // the sequence of the latest; 0: none yet
	changed chan struct{}         // closed with the next event, and at the end
	ended   bool
	lives   map[uint64]*life
	readers int
	missed  uint64 // by them
	up      int
	rates   rates
}

// Keep keeps what happens to a tunnel from now on, until Close.
func Keep(b backend.Backend) *Recent {
	ctx, end := context.WithCancel(context.Background())
	r := &Recent{b: b, epoch: epoch(), server: b.Status().Role == "server", end: end, changed: make(chan struct{}), lives: map[uint64]*life{}}
	reader := b.Events(ahead)
	r.tasks.Go(func() {
		defer reader.Close()
		r.follow(ctx, reader)
	})
	r.tasks.Go(func() { r.measure(ctx) })
	return r
}

// epoch is a name that no other process has.
func epoch() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Close ends it, and every After.
func (r *Recent) Close() {
	r.end()
	r.tasks.Wait()
}

// Epoch is the name of this process's events: sequences of another mean nothing here.
func (r *Recent) Epoch() string { return r.epoch }

// Last is the sequence of the latest event.
func (r *Recent) Last() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Join counts a reader until it calls leave.
func (r *Recent) Join() (leave func()) {
	count := func(n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.readers += n
	}
	count(1)
	return func() { count(-1) }
}

// Reading is how many readers there are, and how many events were gone when After came to them.
func (r *Recent) Reading() (readers int, missed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readers, r.missed
}

// follow takes events in until there are no more.
func (r *Recent) follow(ctx context.Context, reader *backend.Reader) {
	for {
		e, more := reader.Next(ctx)
		r.mu.Lock()
		if !more {
			r.ended = true
			close(r.changed)
			r.mu.Unlock()
			return
		}
		r.last++
		r.ring[r.last%events] = e
		r.live(e)
		close(r.changed)
		r.changed = make(chan struct{})
		r.mu.Unlock()
	}
}

// After waits for events after a sequence, and returns those that are there, some hundreds
// at most. missed is how many between were too long ago. More is false when nothing more
// will happen, or ctx has ended.
func (r *Recent) After(ctx context.Context, sequence uint64) (list []Numbered, missed uint64, more bool) {
	for {
		r.mu.Lock()
		if r.last > sequence {
			list, missed = r.after(sequence)
			r.missed += missed
			r.mu.Unlock()
			return list, missed, true
		}
		changed, ended := r.changed, r.ended
		r.mu.Unlock()
		if ended {
			return nil, 0, false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, false
		}
	}
}

// after is After for events that are there, with mu held.
func (r *Recent) after(sequence uint64) (list []Numbered, missed uint64) {
	if oldest := max(r.last, events) - events + 1; sequence+1 < oldest {
		sequence, missed = oldest-1, oldest-1-sequence
	}
	for n := sequence + 1; n <= r.last && len(list) < page; n++ {
		list = append(list, Numbered{r.ring[n%events], n})
	}
	return list, missed
}

// measure notes rates each second until ctx ends.
func (r *Recent) measure(ctx context.Context) {
	r.rates.begin(r.b.Bytes())
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			in, out := r.b.Bytes()
			r.mu.Lock()
			r.rates.add(now, in, out, r.up)
			r.mu.Unlock()
		}
	}
}

// Rates are those of the last minutes.
func (r *Recent) Rates() Rates {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rates.list()
}
