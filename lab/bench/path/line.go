//go:build linux

package path

import (
	"container/heap"
	"sync"
	"time"
)

// parcel is a packet on its way.
type parcel struct {
	due    time.Time
	serial uint64 // of those due at once, the earlier goes first
	packet []byte
}

// parcels is a heap of them, the first to arrive on top.
type parcels []parcel

func (p parcels) Len() int { return len(p) }
func (p parcels) Less(i, j int) bool {
	if !p[i].due.Equal(p[j].due) {
		return p[i].due.Before(p[j].due)
	}
	return p[i].serial < p[j].serial
}
func (p parcels) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *parcels) Push(x any)   { *p = append(*p, x.(parcel)) }
func (p *parcels) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	(*p)[last] = parcel{}
	*p = (*p)[:last]
	return x
}

// line is one direction of a path.
type line struct {
	mu     sync.Mutex
	wait   parcels
	serial uint64
	wake   chan struct{} // something is due earlier than all before
	free   [][]byte      // buffers
}

func newLine() *line { return &line{wake: make(chan struct{}, 1)} }

// buffer is one to read a packet into.
func (l *line) buffer(size int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		b := l.free[n-1]
		l.free = l.free[:n-1]
		return b[:size]
	}
	return make([]byte, size)
}

// put sends a packet on its way, and reports false when it had no room.
func (l *line) put(packet []byte, due time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wait) >= limit {
		return false
	}
	l.serial++
	heap.Push(&l.wait, parcel{due, l.serial, packet})
	if l.wait[0].serial == l.serial {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// next takes what has arrived by now, or says when something will; the zero time
// if nothing is on its way.
func (l *line) next(now time.Time) (packet []byte, due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wait) == 0 {
		return nil, time.Time{}
	}
	if due := l.wait[0].due; due.After(now) {
		return nil, due
	}
	return heap.Pop(&l.wait).(parcel).packet, time.Time{}
}

// recycle gives a buffer back.
func (l *line) recycle(b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.free) < limit {
		l.free = append(l.free, b[:cap(b)])
	}
}

// deliver gives each packet away when it has arrived, until write fails.
func (l *line) deliver(write func([]byte) error) error {
	for {
		packet, due := l.next(time.Now())
		switch {
		case packet != nil:
			if err := write(packet); err != nil {
				return err
			}
			l.recycle(packet)
		case due.IsZero():
			<-l.wake
		default:
			select {
			case <-l.wake:
			case <-time.After(time.Until(due)):
			}
		}
	}
}
