package link

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"culvert/internal/buf"
)

// queue holds what waits to be written to a stream. WriteBatch writes to the socket
// itself while nothing waits. What the socket does not take is left to a goroutine
// that lives as long as there is a backlog.
type queue struct {
	conn net.Conn
	raw  syscall.RawConn // nil where there is no socket to try
	step func(fd uintptr) bool
	tried
	flush func() // of the goroutine; a value, for one with arguments would allocate
	limit int

	class uint8 // of what is sent at present

	dropped atomic.Uint64

	mu            sync.Mutex
	change        sync.Cond // of what follows
	control, data *frames   // nil: none wait
	left          *frames   // what the goroutine begins with
	sent          int       // bytes of left that are sent
	flying        int       // packets the goroutine is writing
	busy          bool      // the goroutine is running
	drop          bool      // nobody waits for room
	closing       bool
	err           error // of writing; ends everything
}

// tried is one attempt to write without waiting.
type tried struct {
	bytes []byte
	n     int
	err   error
}

// frames are packets, each after its length. They come from spareFrames and go back
// there, so that a connection with nothing to write holds none.
type frames struct {
	bytes []byte
	count int
}

var spareFrames = sync.Pool{New: func() any { return new(frames) }}

// mostSpare is the size of the largest buffer to keep, more than any batch of
// ordinary packets.
const mostSpare = 256 << 10

// release gives frames back. A nil f is allowed.
func (f *frames) release() {
	if f != nil && cap(f.bytes) <= mostSpare {
		f.bytes, f.count = f.bytes[:0], 0
		spareFrames.Put(f)
	}
}

// waiting returns how many packets there are.
func (f *frames) waiting() int {
	if f == nil {
		return 0
	}
	return f.count
}

// lingerTime is how long a connection that is being closed may take to send what is
// queued.
const lingerTime = time.Second

// controlLimit bounds the control packets that wait in addition to data.
const controlLimit = 64

func (q *queue) init(conn net.Conn, o TCPOptions) {
	q.conn, q.limit, q.drop = conn, o.QueueLimit, o.Drop
	if q.limit == 0 {
		q.limit = DefaultQueueLimit
	}
	q.change.L = &q.mu
	if s, ok := conn.(syscall.Conn); ok && canTry {
		q.raw, _ = s.SyscallConn()
	}
	q.step, q.flush = q.try, q.writeAll
}

// hurry has nobody wait for room from now on.
func (q *queue) hurry() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.drop = true
	q.change.Broadcast()
}

// add queues packets and sends what can be sent. If it is patient it waits for
// room, unless the queue drops packets. It returns how many packets were queued.
func (q *queue) add(batch []*buf.Packet, patient bool) (n int, err error) {
	if len(batch) == 0 {
		return 0, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var failures buf.Failures
	for _, p := range batch {
		if p.Len() > maxLength {
			failures.Add(errTooLong, 1)
		} else if q.enqueue(p, patient) {
			n++
		}
	}
	if q.err != nil || q.closing {
		return 0, q.failure()
	}
	if last := batch[len(batch)-1]; last.Class != q.class && !isControl(last.Bytes()) {
		q.setClass(last.Class)
	}
	q.send()
	return n, failures.Err()
}

// errTooLong is the error for a packet longer than the length field can say.
var errTooLong = fmt.Errorf("link: TCP carries packets of %d bytes at most; set a smaller tun-mtu: %w", maxLength, syscall.EMSGSIZE)

// enqueue queues one packet if there is room, or if sending makes room. If patient
// it waits for room, unless the queue drops packets. The caller holds mu.
func (q *queue) enqueue(p *buf.Packet, patient bool) bool {
	f, limit := &q.data, q.limit
	if isControl(p.Bytes()) {
		f, limit = &q.control, controlLimit
	}
	for q.before(f) >= limit && q.err == nil && !q.closing {
		if q.send(); q.before(f) < limit || !patient || q.drop {
			break
		}
		q.change.Wait()
	}
	if q.err != nil || q.closing {
		return false
	}
	if q.before(f) >= limit {
		q.dropped.Add(1)
		return false
	}
	if *f == nil {
		*f = spareFrames.Get().(*frames)
	}
	(*f).add(p.Bytes())
	return true
}

// before returns how many packets of its kind the next packet has before it.
func (q *queue) before(f **frames) int {
	if f == &q.control {
		return q.control.waiting()
	}
	return q.data.waiting() + q.flying
}

func (f *frames) add(packet []byte) {
	f.bytes = binary.BigEndian.AppendUint16(f.bytes, uint16(len(packet)))
	f.bytes = append(f.bytes, packet...)
	f.count++
}

// isControl reports whether a packet belongs to the control channel and not the
// data channel, by the opcode in its first five bits: P_DATA_V1 is 6 and P_DATA_V2
// 9.
func isControl(b []byte) bool {
	return len(b) > 0 && b[0]>>3 != 6 && b[0]>>3 != 9
}

// send writes as much of the queue as the socket takes, and leaves the rest to the
// goroutine. The caller holds mu.
func (q *queue) send() {
	if q.busy || !q.pending() {
		return
	}
	out, sent := q.takeAll(), 0
	if q.raw != nil {
		q.tried = tried{bytes: out.bytes}
		if err := q.raw.Write(q.step); err != nil {
			q.tried.err = err
		}
		sent = q.tried.n
		q.fail(q.tried.err)
		q.tried = tried{}
		if sent == len(out.bytes) || q.err != nil {
			out.release()
			return
		}
	}
	q.left, q.sent = out, sent
	q.busy, q.flying = true, out.count
	go q.flush()
}

func (q *queue) pending() bool { return q.control != nil || q.data != nil }

// takeAll takes everything that waits, control packets first. The caller holds mu.
func (q *queue) takeAll() *frames {
	out, rest := q.control, q.data
	q.control, q.data = nil, nil
	if out == nil {
		return rest
	}
	if rest != nil {
		out.bytes = append(out.bytes, rest.bytes...)
		out.count += rest.count
		rest.release()
	}
	return out
}

func (q *queue) try(fd uintptr) bool {
	q.tried.n, q.tried.err = tryWrite(fd, q.tried.bytes)
	return true
}

// writeAll is the goroutine: it writes what send left, and then until nothing waits.
func (q *queue) writeAll() {
	out, sent := q.left, q.sent
	q.left = nil
	for {
		_, err := q.conn.Write(out.bytes[sent:])
		out.release()
		q.mu.Lock()
		q.fail(err)
		q.flying, sent = 0, 0
		q.change.Broadcast()
		if q.err != nil || !q.pending() {
			break
		}
		out = q.takeAll()
		q.flying = out.count
		q.mu.Unlock()
	}
	q.busy = false
	closing := q.closing
	q.mu.Unlock()
	if closing {
		q.conn.Close()
	}
}

// fail keeps the first error and makes the reader notice. The caller holds mu.
func (q *queue) fail(err error) {
	if err == nil || q.err != nil {
		return
	}
	q.err = err
	_ = q.conn.SetReadDeadline(time.Unix(1, 0))
	q.change.Broadcast()
}

// broken returns the error of writing, if there was one.
func (q *queue) broken() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

func (q *queue) failure() error {
	if q.err != nil {
		return fmt.Errorf("link: %w", q.err)
	}
	return errClosed
}

// close closes the connection: at once, or when the goroutine has finished.
func (q *queue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	q.change.Broadcast()
	if !q.busy {
		return q.conn.Close()
	}
	return q.conn.SetWriteDeadline(time.Now().Add(lingerTime))
}
