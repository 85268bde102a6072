package watch

import (
	"context"
	"sync"
	"time"
)

// maxBytes bounds what waits for one reader.
const maxBytes = 8 << 20

// Queue hands what was seen to a reader. What a slow reader has no room for is
// lost and counted. The zero value is ready.
type Queue[T any] struct {
	once sync.Once
	wake chan struct{} // capacity 1

	mu    sync.Mutex
	items []queued[T]
	bytes int
	lost  uint64
}

type queued[T any] struct {
	item  T
	bytes int
}

func (q *Queue[T]) init() { q.once.Do(func() { q.wake = make(chan struct{}, 1) }) }

// Push adds an item of about so many bytes, or counts it as lost. It never
// waits.
func (q *Queue[T]) Push(item T, bytes int) {
	q.init()
	q.mu.Lock()
	if q.bytes+bytes > maxBytes {
		q.lost++
		q.mu.Unlock()
		return
	}
	q.items = append(q.items, queued[T]{item, bytes})
	q.bytes += bytes
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// settleTime is how long what comes is gathered: packets of several goroutines
// that were seen at once are then together, to be put in order.
const settleTime = 10 * time.Millisecond

// Next waits for something, or until ctx ends, and takes all there is; none only
// at the end.
func (q *Queue[T]) Next(ctx context.Context) (items []T) {
	q.init()
	for ctx.Err() == nil {
		select {
		case <-q.wake:
			wait(ctx, settleTime)
			if items := q.take(); items != nil {
				return items
			}
		case <-ctx.Done():
		}
	}
	return q.take()
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (q *Queue[T]) take() (items []T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.items {
		items = append(items, i.item)
	}
	clear(q.items)
	q.items, q.bytes = q.items[:0], 0
	return items
}

// Lost is how many items there was no room for.
func (q *Queue[T]) Lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lost
}
