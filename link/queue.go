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

// queue is what waits to be written to a stream. WriteBatch tries the socket
// itself while nothing waits; what the socket does not take is left to a
// goroutine that lives as long as there is a backlog.
type queue struct {
	conn net.Conn
	raw  syscall.RawConn // nil where there is no socket to try
	step func(fd uintptr) bool
	tried
	limit int
	drop  bool

	dropped atomic.Uint64

	mu            sync.Mutex
	change        sync.Cond // of what follows
	control, data frames
	spare         []byte // the buffer not in use
	flying        int    // packets the goroutine is writing
	busy          bool   // the goroutine runs
	closing       bool
	err           error // of writing; ends everything
}

// tried is one attempt to write without waiting.
type tried struct {
	bytes []byte
	n     int
	err   error
}

// frames are packets, each with its length before it.
type frames struct {
	bytes []byte
	count int
}

// lingerTime is how long a connection being closed may take to send what is
// queued.
const lingerTime = time.Second

// controlLimit bounds the control packets that wait beside the data.
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
	q.step = q.try
}

// add queues packets and sends what can be sent, where it is patient as soon as
// there is room. It returns how many were queued.
func (q *queue) add(batch []*buf.Packet, patient bool) (n int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range batch {
		if q.admit(p, patient) {
			n++
		}
	}
	if q.err != nil || q.closing {
		return 0, q.failure()
	}
	q.send()
	return n, nil
}

// admit queues one packet if there is room, or patiently waits for it. The caller
// holds mu.
func (q *queue) admit(p *buf.Packet, patient bool) bool {
	f, limit := &q.data, q.limit
	if isControl(p.Bytes()) {
		f, limit = &q.control, controlLimit
	}
	for q.waiting(f) >= limit && patient && q.err == nil && !q.closing {
		q.send()
		if q.waiting(f) >= limit {
			q.change.Wait()
		}
	}
	if q.err != nil || q.closing {
		return false
	}
	if q.waiting(f) >= limit {
		q.dropped.Add(1)
		return false
	}
	f.add(p.Bytes())
	return true
}

// waiting is how many packets stand before the next of its kind.
func (q *queue) waiting(f *frames) int {
	if f == &q.control {
		return f.count
	}
	return f.count + q.flying
}

func (f *frames) add(packet []byte) {
	f.bytes = binary.BigEndian.AppendUint16(f.bytes, uint16(len(packet)))
	f.bytes = append(f.bytes, packet...)
	f.count++
}

// isControl tells a packet of the control channel from one of the data channel
// by the opcode in its first five bits: P_DATA_V1 is 6 and P_DATA_V2 9.
func isControl(b []byte) bool {
	return len(b) > 0 && b[0]>>3 != 6 && b[0]>>3 != 9
}

// send writes what is queued as far as the socket takes it, and leaves the
// rest to the goroutine. The caller holds mu.
func (q *queue) send() {
	if q.busy || q.control.count+q.data.count == 0 {
		return
	}
	out, count := q.takeAll()
	if q.raw != nil {
		q.tried = tried{bytes: out}
		if err := q.raw.Write(q.step); err != nil {
			q.tried.err = err
		}
		sent := q.tried.n
		q.fail(q.tried.err)
		q.tried = tried{}
		if sent == len(out) || q.err != nil {
			q.keep(out)
			return
		}
		out = out[sent:]
	}
	q.busy, q.flying = true, count
	go q.flush(out)
}

// takeAll is everything that waits, control first. The caller holds mu.
func (q *queue) takeAll() (out []byte, count int) {
	count = q.control.count + q.data.count
	if q.control.count == 0 {
		out, q.data.bytes = q.data.bytes, q.spare[:0]
	} else {
		out = append(append(q.spare[:0], q.control.bytes...), q.data.bytes...)
		q.control.bytes, q.data.bytes = q.control.bytes[:0], q.data.bytes[:0]
	}
	q.spare = nil
	q.control.count, q.data.count = 0, 0
	return out, count
}

// keep has a buffer used again, unless it is a large one: idle connections are
// many. The caller holds mu.
func (q *queue) keep(b []byte) {
	const most = 32 << 10
	if cap(b) <= most {
		q.spare = b[:0]
	}
}

func (q *queue) try(fd uintptr) bool {
	q.tried.n, q.tried.err = tryWrite(fd, q.tried.bytes)
	return true
}

// flush is the goroutine: it writes until nothing waits.
func (q *queue) flush(out []byte) {
	for {
		_, err := q.conn.Write(out)
		q.mu.Lock()
		q.fail(err)
		q.flying = 0
		q.change.Broadcast()
		if q.err != nil || q.control.count+q.data.count == 0 {
			break
		}
		q.keep(out)
		out, q.flying = q.takeAll()
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

// broken is the error of writing, if there was one.
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

// close closes the connection: now, or when the goroutine is through.
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
