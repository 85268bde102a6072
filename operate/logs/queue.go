package logs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Queue is what waits to be written to an output of the log: a file, the standard error
// output, the system's logger or its journal. Who logs waits for none of them. Lines for
// which there is no room are lost, and a line in their place says how many; none is taken
// again before half of the room is free, so that few such lines are needed. Its goroutine
// lives only while something waits. A nil *Queue writes at once.
type Queue struct {
	direct slog.Handler // to the output, by no queue

	mu      sync.Mutex
	waiting []entry
	bytes   int    // of what waits
	missed  uint64 // lines since the last one that waits
	writing bool
}

// entry is something to be written.
type entry struct {
	size  int
	write func()
}

// Queued returns the handler of an output that nobody waits for, and the queue before the
// output. form makes the handler of an output: what it writes there goes through
// Queue.Writer or Queue.Sink of the queue that form is given.
func Queued(form func(q *Queue) slog.Handler) (slog.Handler, *Queue) {
	q := &Queue{direct: form(nil)}
	return form(q), q
}

// Writer returns a writer to w, of which each call writes whole lines and succeeds.
func (q *Queue) Writer(w io.Writer) io.Writer {
	if q == nil {
		return w
	}
	return queuedWriter{q, w}
}

type queuedWriter struct {
	queue *Queue
	w     io.Writer
}

func (w queuedWriter) Write(lines []byte) (int, error) {
	lines = bytes.Clone(lines)
	w.queue.add(len(lines), func() { _, _ = w.w.Write(lines) }) // an output that fails has nowhere to say so
	return len(lines), nil
}

// Sink returns a sink that may block, and has s take the lines.
func (q *Queue) Sink(s Sink) Sink {
	if q == nil {
		return s
	}
	return func(l Line) { q.add(size(&l), func() { s(l) }) }
}

// Flush waits until what was logged before is written, but no longer than limit.
func (q *Queue) Flush(limit time.Duration) {
	if q == nil {
		return
	}
	reached := make(chan struct{})
	q.mu.Lock()
	q.tellMissed()
	q.push(entry{write: func() { close(reached) }})
	q.mu.Unlock()
	enough := time.NewTimer(limit)
	defer enough.Stop()
	select {
	case <-reached:
	case <-enough.C:
	}
}

func (q *Queue) add(size int, write func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lines, bytes := mostLines, mostBytes
	if q.missed > 0 {
		lines, bytes = lines/2, bytes/2
	}
	if len(q.waiting) >= lines || q.bytes+size > bytes {
		q.missed++
		return
	}
	q.tellMissed()
	q.push(entry{size, write})
}

// tellMissed has a line say how many were lost. The caller holds mu.
func (q *Queue) tellMissed() {
	if q.missed == 0 {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "lines of the log are lost here, since they were not taken in time", 0)
	r.Add("lines", q.missed)
	q.missed = 0
	q.push(entry{write: func() { _ = q.direct.Handle(context.Background(), r) }})
}

// push has something written after what waits. The caller holds mu.
func (q *Queue) push(e entry) {
	q.waiting = append(q.waiting, e)
	q.bytes += e.size
	if !q.writing {
		q.writing = true
		go q.run()
	}
}

// run writes until nothing waits.
func (q *Queue) run() {
	for write := q.next(); write != nil; write = q.next() {
		write()
	}
}

func (q *Queue) next() (write func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.tellMissed()
	}
	if len(q.waiting) == 0 {
		q.waiting, q.writing = nil, false
		return nil
	}
	e := q.waiting[0]
	q.waiting[0] = entry{}
	q.waiting = q.waiting[1:]
	q.bytes -= e.size
	return e.write
}
