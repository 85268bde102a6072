// Package relay joins two connections: it copies what comes from one to the other.
package relay

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// HalfClosedIdle is how long two connections may be silent when one half of them is
// closed. It is the time for which RFC 5382, REQ-5, has a translator keep
// connections that are closing. Without it, the connections of a program that has
// closed its end without resetting it, and never gets an answer, would stay for
// ever.
const HalfClosedIdle = 4 * time.Minute

// Sizes of a direction's buffer: at rest, when much arrives, and when its
// connection has been given larger buffers.
const (
	restSize  = 1 << 10
	busySize  = 16 << 10
	largeSize = 64 << 10
)

var (
	busyRoom  = sync.Pool{New: func() any { return new([busySize]byte) }}
	largeRoom = sync.Pool{New: func() any { return new([largeSize]byte) }}
)

// pair is two connections that are joined.
type pair struct {
	a, b net.Conn
	last atomic.Int64 // when bytes went either way, in nanoseconds of Unix time

	mu    sync.Mutex
	timer *time.Timer // of a half-closed pair
	ended bool
}

// Run carries bytes both ways until both ends have closed their half. It resets
// both connections when one fails, and when a pair is half-closed and silent for
// HalfClosedIdle. It calls halfClosed, if not nil, once one half is closed.
func Run(a, b net.Conn, halfClosed func()) {
	p := &pair{a: a, b: b}
	p.touch()
	var once sync.Once
	one := func(dst, src net.Conn) {
		if err := p.carry(dst, src); err != nil {
			p.abort()
			return
		}
		once.Do(func() {
			p.watch()
			if halfClosed != nil {
				halfClosed()
			}
		})
	}
	var back sync.WaitGroup
	back.Go(func() { one(a, b) })
	one(b, a)
	back.Wait()
	p.end()
}

// carry copies until src ends, and then closes that half of dst.
func (p *pair) carry(dst, src net.Conn) error {
	r := room{src: src, dst: dst}
	defer r.leave()
	for {
		n, err := src.Read(r.bytes())
		if n > 0 {
			p.touch()
			if _, err := dst.Write(r.bytes()[:n]); err != nil {
				return err
			}
			p.touch()
		}
		if err == io.EOF {
			return CloseWrite(dst)
		}
		if err != nil {
			return err
		}
		r.suit(n)
	}
}

// The connections that are relayed implement net.Conn, and of these interfaces
// those they can.
type (
	// HalfCloser is a connection whose two directions can be closed one by one.
	HalfCloser interface {
		// CloseWrite tells the other end that nothing more will come.
		CloseWrite() error
	}
	// Grower is a connection whose buffers grow while it is busy.
	Grower interface {
		// Grown reports whether the buffers are larger than at first.
		Grown() bool
	}
	// Aborter is a connection that can be reset.
	Aborter interface{ Abort() }
	// lingerer is a connection that Close resets after SetLinger(0) (net.TCPConn).
	lingerer interface{ SetLinger(seconds int) error }
)

var (
	_ HalfCloser = (*net.TCPConn)(nil)
	_ lingerer   = (*net.TCPConn)(nil)
)

// CloseWrite ends the direction towards c's other end, or closes c if its
// directions cannot be closed one by one.
func CloseWrite(c net.Conn) error {
	if half, ok := c.(HalfCloser); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

func (p *pair) touch() { p.last.Store(time.Now().UnixNano()) }

// watch ends the pair when it falls silent.
func (p *pair) watch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.timer = time.AfterFunc(HalfClosedIdle, p.check)
	}
}

func (p *pair) check() {
	left := HalfClosedIdle - time.Duration(time.Now().UnixNano()-p.last.Load())
	if left <= 0 {
		p.abort()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.timer.Reset(left)
	}
}

func (p *pair) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.timer != nil {
		p.timer.Stop()
	}
}

func (p *pair) abort() {
	Abort(p.a)
	Abort(p.b)
}

// Abort resets a connection if it can, and closes it.
func Abort(c net.Conn) {
	switch c := c.(type) {
	case Aborter:
		c.Abort()
	case lingerer:
		c.SetLinger(0)
	}
	c.Close()
}

// room is the buffer of one direction. It is small while the direction rests, so
// that connections that are merely open cost little.
type room struct {
	src, dst net.Conn
	rest     [restSize]byte
	busy     *[busySize]byte
	large    *[largeSize]byte
}

func (r *room) bytes() []byte {
	switch {
	case r.large != nil:
		return r.large[:]
	case r.busy != nil:
		return r.busy[:]
	}
	return r.rest[:]
}

// suit adapts the buffer after n bytes came at once.
func (r *room) suit(n int) {
	switch {
	case n < restSize:
		r.leave()
	case r.large == nil && n == busySize && (grown(r.src) || grown(r.dst)):
		r.leave()
		r.large = largeRoom.Get().(*[largeSize]byte)
	case r.large == nil && r.busy == nil:
		r.busy = busyRoom.Get().(*[busySize]byte)
	}
}

// grown reports whether a connection's buffers are larger than at first.
func grown(c net.Conn) bool {
	g, ok := c.(Grower)
	return ok && g.Grown()
}

func (r *room) leave() {
	if r.busy != nil {
		busyRoom.Put(r.busy)
		r.busy = nil
	}
	if r.large != nil {
		largeRoom.Put(r.large)
		r.large = nil
	}
}
