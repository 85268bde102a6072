package userstack

import (
	"sync"
	"time"

	"culvert/nic/userstack/relay"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Buffers of a TCP connection, in bytes. 8 MiB carry 600 Mbit/s over a path of
// 100 ms.
const (
	bufferBase = 32 << 10
	bufferMax  = 8 << 20
	// connCost is what a connection is charged for: its buffers in both directions,
	// and everything else it takes, relayed or not.
	connCost = 2*bufferBase + 32<<10
)

// closingTime bounds how long a connection that is closed here stays for what its
// other end has not taken: as long as a half-closed connection may be silent.
const closingTime = relay.HalfClosedIdle

// conn is a TCP connection of the stack. Its buffers start small. A buffer doubles
// when the bytes it can hold pass within a second, as far as the account allows: it
// grows if somebody reads from it and stays small if nobody does. Unlike gonet's
// connection, it can be reset.
type conn struct {
	*gonet.TCPConn
	ep      tcpip.Endpoint
	account *account
	in, out gauge
	pieces  pieces // of what was written
	wq      *waiter.Queue
	once    sync.Once // starts closing
}

// newConn takes over an endpoint that is connected, and the account.
func newConn(wq *waiter.Queue, ep tcpip.Endpoint, a *account) *conn {
	// Setting sizes ends gVisor's own growth, which knows no budget.
	ep.SocketOptions().SetReceiveBufferSize(bufferBase, true)
	ep.SocketOptions().SetSendBufferSize(bufferBase, true)
	return &conn{TCPConn: gonet.NewTCPConn(wq, ep), wq: wq, ep: ep, account: a, in: gauge{size: bufferBase}, out: gauge{size: bufferBase}}
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	// gVisor offers half of the buffer as the window.
	if size := c.in.passed(2*int64(n), time.Now(), c.account); size > 0 {
		c.ep.SocketOptions().SetReceiveBufferSize(size, true)
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if len(b) > 0 {
		c.ep.SocketOptions().SetSendBufferSize(c.pieces.next(len(b), c.out.now()), false)
	}
	n, err := c.TCPConn.Write(b)
	c.out.passed(int64(n), time.Now(), c.account)
	return n, err
}

// Close implements net.Conn. What the other end has not taken yet is kept for
// closingTime at most, and counts until then.
func (c *conn) Close() error {
	c.once.Do(c.settle)
	return c.TCPConn.Close()
}

// settle closes the account once the endpoint holds nothing any more.
func (c *conn) settle() {
	late := time.AfterFunc(closingTime, c.ep.Abort)
	done := func() { late.Stop(); c.account.close() }
	entry := waiter.NewFunctionEntry(waiter.EventHUp, func(waiter.EventMask) { done() })
	c.wq.EventRegister(&entry)
	// gVisor does not notify again of what ended before.
	switch tcp.EndpointState(c.ep.State()) {
	case tcp.StateTimeWait, tcp.StateClose, tcp.StateError:
		done()
	}
}

var (
	_ relay.HalfCloser = (*conn)(nil)
	_ relay.Grower     = (*conn)(nil)
	_ relay.Aborter    = (*conn)(nil)
)

// Grown reports whether its buffers are larger than at first.
func (c *conn) Grown() bool { return c.in.grown() || c.out.grown() }

// Abort resets the connection.
func (c *conn) Abort() {
	defer c.account.close()
	c.ep.Abort()
}

// gauge decides when to enlarge the buffer of one direction.
type gauge struct {
	mu    sync.Mutex
	size  int64
	moved int64     // since
	since time.Time // when the buffer was last measured
}

// passed counts n bytes that went through the buffer. If the buffer should grow, it
// takes the bytes from the account and returns the new size; otherwise it returns
// 0.
func (g *gauge) passed(n int64, now time.Time, a *account) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.since) > time.Second {
		g.moved, g.since = 0, now
	}
	if g.moved += n; g.moved < g.size || g.size >= bufferMax {
		return 0
	}
	g.moved, g.since = 0, now
	if !a.grow(g.size) {
		return 0
	}
	g.size *= 2
	return g.size
}

// now returns the buffer's size.
func (g *gauge) now() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size
}

func (g *gauge) grown() bool { return g.now() > bufferBase }
