package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// pairDepth is how many frames wait in each direction of a pair: as many as in a
// TAP device.
const pairDepth = 1000

// NewPair makes two adapters in memory, connected like the ends of a wire, without
// a device or a goroutine: what is written to one is read from the other. One
// becomes the port of a hub; the station behind the port has the other. A direction
// holds 1,000 frames and refuses more, since waiting would hold up other ports.
// Closing either end closes both.
func NewPair(name, other string, mtu int) (a, b nic.NIC) {
	x, y := newRing(mtu), newRing(mtu)
	return &end{name, mtu, x, y}, &end{other, mtu, y, x}
}

// end is one of a pair.
type end struct {
	name    string
	mtu     int
	in, out *ring // in is the one that is read
}

func (e *end) Name() string   { return e.name }
func (e *end) Kind() nic.Kind { return nic.Ethernet }
func (e *end) MTU() int       { return e.mtu }

func (e *end) ReadBatch(batch []*buf.Packet) (int, error) { return e.in.take(batch) }

func (e *end) WriteBatch(batch []*buf.Packet) (int, error) { return e.out.put(batch) }

func (e *end) Close() error {
	e.in.close()
	e.out.close()
	return nil
}

// ring is one direction: frames in slots of their own.
type ring struct {
	mu     sync.Mutex
	filled sync.Cond
	slots  []*buf.Packet
	first  int
	count  int
	closed bool
}

func newRing(mtu int) *ring {
	r := &ring{slots: buf.NewBatch(pairDepth, frameSize(mtu))}
	r.filled.L = &r.mu
	return r
}

// frameSize returns the size of the largest frame.
func frameSize(mtu int) int { return mtu + frame.MaxHeader }

var (
	errPairClosed = fmt.Errorf("hub: the adapter is closed: %w", fs.ErrClosed)
	errPairFull   = errors.New("hub: the other end does not keep up")
	errPairSize   = fmt.Errorf("hub: a frame larger than the adapter's MTU: %w", syscall.EMSGSIZE)
)

// take waits for a frame and takes whatever else is waiting. A frame too large for
// its buffer is lost.
func (r *ring) take(batch []*buf.Packet) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n == 0 && len(batch) > 0 {
		for r.count == 0 && !r.closed {
			r.filled.Wait()
		}
		if r.closed {
			return 0, errPairClosed
		}
		for n < len(batch) && r.count > 0 {
			n += move(batch[n], r.slots[r.first])
			r.first = (r.first + 1) % len(r.slots)
			r.count--
		}
	}
	return n, nil
}

// move copies a frame, and returns how many fitted: 0 or 1.
func move(to, from *buf.Packet) int {
	to.Reset()
	if from.Len() > len(to.Room()) {
		return 0
	}
	to.Set(from.Bytes())
	return 1
}

func (r *ring) put(batch []*buf.Packet) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, errPairClosed
	}
	var failures buf.Failures
	for i, p := range batch {
		if r.count == len(r.slots) {
			failures.Add(errPairFull, len(batch)-i)
			break
		}
		if move(r.slots[(r.first+r.count)%len(r.slots)], p) == 0 {
			failures.Add(errPairSize, 1)
			continue
		}
		r.count++
		n++
	}
	if n > 0 {
		r.filled.Signal()
	}
	return n, failures.Err()
}

func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.filled.Broadcast()
}
