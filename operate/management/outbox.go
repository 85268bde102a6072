package management

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// maxBacklog is how much may wait for a reader, in bytes. With more, it is cut off.
	maxBacklog = 4 << 20
	// stallTime is how long a reader may take to accept what it is sent.
	stallTime = 30 * time.Second
)

// outbox is what waits to be sent by a connection.
type outbox struct {
	conn net.Conn
	wake chan struct{}
	done chan struct{} // closed when nothing more will come

	mu      sync.Mutex
	backlog []byte
	cut     error // why it is cut off; nil: it is not
}

func newOutbox(conn net.Conn) outbox {
	return outbox{conn: conn, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

var errStalled = errors.New("it does not read what it is sent")

// push queues what is sent. It never waits.
func (o *outbox) push(text []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut != nil {
		return
	}
	if len(o.backlog) > maxBacklog {
		o.cut, o.backlog = errStalled, nil
		o.conn.Close()
		return
	}
	o.backlog = append(o.backlog, text...)
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// write sends what is queued, until the reader has ended and all was sent.
func (o *outbox) write() {
	for {
		o.mu.Lock()
		text := o.backlog
		o.backlog = nil
		o.mu.Unlock()
		if len(text) > 0 {
			o.conn.SetWriteDeadline(time.Now().Add(stallTime))
			if _, err := o.conn.Write(text); err != nil {
				o.fail(err)
				return
			}
			continue
		}
		select {
		case <-o.wake:
		case <-o.done:
			if o.empty() {
				return
			}
		}
	}
}

func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.backlog) == 0
}

// fail cuts the reader off.
func (o *outbox) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cut == nil {
		o.cut = err
	}
	o.backlog = nil
	o.conn.Close()
}

// cutOff returns why the reader was cut off; nil: it was not.
func (o *outbox) cutOff() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cut
}

// drained waits until little is left to be sent, so that a reader that asks for more
// than it reads waits for itself. It reports false when the reader is cut off.
func (o *outbox) drained(ctx context.Context) bool {
	for {
		o.mu.Lock()
		n, cut := len(o.backlog), o.cut
		o.mu.Unlock()
		if cut != nil {
			return false
		}
		if n < maxBacklog/4 {
			return true
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
}
