package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// waiting is how many lines may wait for a disk that is slow.
const waiting = 4096

// Queue adds lines to a record without making anybody wait. Make it with NewQueue, and
// have it Run.
type Queue struct {
	sink  Sink
	log   *slog.Logger
	lines chan []byte
	lost  atomic.Uint64
}

// NewQueue returns a queue before a sink. What cannot be recorded is logged.
func NewQueue(sink Sink, log *slog.Logger) *Queue {
	return &Queue{sink: sink, log: log, lines: make(chan []byte, waiting)}
}

// Add adds an entry, soon. It does not block, and may be called by any goroutine.
func (q *Queue) Add(e Entry) {
	line, err := e.Line()
	if err != nil {
		q.log.Error("not recorded in the audit log", "what", e.What, "error", err)
		return
	}
	if e.What == Refused && len(q.lines) >= waiting/2 { // strangers leave room for the others
		q.lost.Add(1)
		return
	}
	select {
	case q.lines <- line:
	default:
		q.lost.Add(1)
	}
}

// Run writes lines until ctx ends, and then those that wait.
func (q *Queue) Run(ctx context.Context) {
	var t trouble
	for {
		select {
		case line := <-q.lines:
			t.note(q, q.sink.Append(line))
		case <-ctx.Done():
			for len(q.lines) > 0 {
				t.note(q, q.sink.Append(<-q.lines))
			}
			return
		}
	}
}

// quiet is how long a fault that goes on is not logged again.
const quiet = time.Minute

// trouble is what keeps lines from being written.
type trouble struct {
	said time.Time
	lost uint64
}

// note logs what went wrong with a line, nil for nothing, at most once a minute.
func (t *trouble) note(q *Queue, err error) {
	if err != nil {
		q.lost.Add(1)
	}
	lost := q.lost.Load()
	if lost == t.lost || time.Since(t.said) < quiet {
		return
	}
	if err == nil {
		err = fmt.Errorf("the disk is too slow for them")
	}
	q.log.Error("who was let in or refused is missing in the audit log", "lines", lost-t.lost, "error", err)
	t.lost, t.said = lost, time.Now()
}
