package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"culvert/internal/buf"
)

var (
	_ Link           = (*TCP)(nil)
	_ Trier          = (*TCP)(nil)
	_ Hurrier        = (*TCP)(nil)
	_ Streamer       = (*TCP)(nil)
	_ buf.BatchSizer = (*TCP)(nil)
)

// lengthSize is the size of the length before each packet on a stream: 16 bits in
// network order (draft, "TCP").
const lengthSize = 2

// maxLength is the longest packet that the length can announce.
const maxLength = math.MaxUint16

// How much to read at once. An idle connection holds the least. One that fills its
// buffer gets twice as much, up to the most, which has room for the longest packet
// and its length.
const (
	leastRead = 512
	mostRead  = 64<<10 + lengthSize
)

// TCPOptions say how a connection carries packets.
type TCPOptions struct {
	// QueueLimit is how many data packets may wait for a peer that is slower than
	// its sender; 0 means DefaultQueueLimit.
	QueueLimit int
	// Drop drops packets when the queue is full, so that a slow peer delays nobody
	// else. Otherwise WriteBatch waits for room, until Hurry; TryBatch never does.
	Drop bool
}

// DefaultQueueLimit is OpenVPN's `tcp-queue-limit`.
const DefaultQueueLimit = 64

// TCP is a connection to one peer, used as a Link with one path: what arrives has
// the peer's address as its Path, and what is written goes to the peer whatever its
// Path. Every read error is final. One goroutine may call ReadBatch or Peek; any
// number may write.
type TCP struct {
	conn   net.Conn
	path   buf.Path
	closed atomic.Bool
	queue  queue

	reading
	in    []byte // what was read
	start int    // of the bytes not taken yet
	end   int
}

// NewTCP carries packets over a connection, which the TCP's Close closes.
func NewTCP(conn net.Conn, o TCPOptions) *TCP {
	t := &TCP{conn: conn, path: buf.Path{Remote: tcpAddr(conn.RemoteAddr()), Local: tcpAddr(conn.LocalAddr()).Addr()}}
	t.queue.init(conn, o)
	t.reading.init(t.queue.raw)
	return t
}

// tcpAddr returns the address of a, an invalid one if it has none.
func tcpAddr(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		return unmap(t.AddrPort())
	}
	return netip.AddrPort{}
}

// Stream is true. See Streamer.
func (t *TCP) Stream() bool { return true }

// BatchSize is small at first, since thousands of connections may be idle. See
// buf.BatchSizer.
func (t *TCP) BatchSize() (first, most int) { return 4, 32 }

// ReadBatch takes the packets that have arrived, or waits for one. See Link. If a
// length is 0, or larger than the packets of batch, it ends the connection with a
// *LengthError.
func (t *TCP) ReadBatch(batch []*buf.Packet) (int, error) {
	for {
		n, err := t.take(batch)
		if n > 0 {
			t.reading.took(n)
			return n, nil
		}
		if err == nil {
			err = t.fill()
		}
		if err != nil {
			return 0, t.final(err)
		}
	}
}

// take fills batch with the packets that are there. It returns an error only after
// the packets before it.
func (t *TCP) take(batch []*buf.Packet) (n int, err error) {
	for n < len(batch) && t.end-t.start >= lengthSize {
		p, have := batch[n], t.in[t.start:t.end]
		room := p.Room()
		length := int(binary.BigEndian.Uint16(have))
		if length == 0 || length > len(room) {
			return n, lengthError(have, len(room))
		}
		if len(have) < lengthSize+length {
			break
		}
		p.Reset()
		p.Set(have[lengthSize : lengthSize+length])
		p.Path = t.path
		t.start += lengthSize + length
		n++
	}
	return n, nil
}

// fill reads at least one more byte. It replaces a buffer that the last read filled
// by a larger one.
func (t *TCP) fill() error {
	switch {
	case t.in == nil:
		t.in = make([]byte, leastRead)
	case t.end == len(t.in) && len(t.in) < mostRead:
		t.resize(min(2*len(t.in), mostRead))
	case t.end == len(t.in) || t.start == t.end:
		t.resize(len(t.in))
	}
	n, err := t.read(t.in[t.end:])
	t.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// resize moves the bytes not taken yet to the front of the buffer, or of a new one
// if the size changes.
func (t *TCP) resize(size int) {
	have, to := t.in[t.start:t.end], t.in
	if size != len(t.in) {
		to = make([]byte, size)
	}
	t.in, t.start, t.end = to, 0, copy(to, have)
}

// Peek waits until n bytes have arrived, n up to 512, and returns them without
// taking them. It returns fewer with an error.
func (t *TCP) Peek(n int) ([]byte, error) {
	for t.end-t.start < n {
		if err := t.fill(); err != nil {
			return t.in[t.start:t.end], t.final(err)
		}
	}
	return t.in[t.start : t.start+n], nil
}

// Detach gives up the connection for another use. It returns the bytes that were
// read and not taken; conn gives the rest. Nothing may have been written.
func (t *TCP) Detach() (conn net.Conn, read []byte) { return t.conn, t.in[t.start:t.end] }

// WriteBatch queues each packet for the peer, control packets before data, and
// sends many with one system call. See Link and TCPOptions.Drop.
func (t *TCP) WriteBatch(batch []*buf.Packet) (int, error) {
	return t.write(batch, true)
}

// TryBatch is a WriteBatch that drops what there is no room for. See Trier.
func (t *TCP) TryBatch(batch []*buf.Packet) (int, error) { return t.write(batch, false) }

// Hurry has a full queue drop packets from now on (TCPOptions.Drop). See Hurrier.
func (t *TCP) Hurry() { t.queue.hurry() }

func (t *TCP) write(batch []*buf.Packet, patient bool) (int, error) {
	n, err := t.queue.add(batch, patient)
	if err != nil && t.closed.Load() {
		err = errClosed
	}
	return n, err
}

// final turns an error into the one that ends the connection.
func (t *TCP) final(err error) error {
	switch {
	case t.closed.Load():
		return errClosed
	case t.queue.broken() != nil:
		return &ClosedError{Text: "the connection broke", Err: rootCause(t.queue.broken())}
	case errors.As(err, new(*LengthError)):
		return err
	case Foreign(t.in[t.start:t.end]) != "":
		return lengthError(t.in[t.start:t.end], 0)
	case errors.Is(err, io.EOF):
		return &ClosedError{Text: "the peer closed the connection"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &ClosedError{Text: "nothing useful arrived in time", Err: err}
	}
	return &ClosedError{Text: "the connection broke", Err: rootCause(err)}
}

// ClosedError says why a connection ended. It wraps fs.ErrClosed.
type ClosedError struct {
	Text string
	Err  error // nil when Text says it all
}

func (e *ClosedError) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return fmt.Sprintf("%s: %v", e.Text, e.Err)
}

// Unwrap returns fs.ErrClosed and the cause.
func (e *ClosedError) Unwrap() []error {
	if e.Err == nil {
		return []error{fs.ErrClosed}
	}
	return []error{fs.ErrClosed, e.Err}
}

// SetReadDeadline makes reads fail from that time on; the zero time means never.
func (t *TCP) SetReadDeadline(at time.Time) { _ = t.conn.SetReadDeadline(at) }

// LocalAddr returns our end's address.
func (t *TCP) LocalAddr() netip.AddrPort { return tcpAddr(t.conn.LocalAddr()) }

// RemoteAddr returns the peer's address.
func (t *TCP) RemoteAddr() netip.AddrPort { return t.path.Remote }

// Dropped returns how many packets were lost because the queue was full.
func (t *TCP) Dropped() uint64 { return t.queue.dropped.Load() }

// Close sends what is queued, if the peer takes it within about a second, and ends
// pending reads at once. Closing twice is harmless.
func (t *TCP) Close() error {
	if t.closed.Swap(true) {
		return nil
	}
	_ = t.conn.SetReadDeadline(time.Unix(1, 0))
	return t.queue.close()
}
