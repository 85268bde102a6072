package userstack

import (
	"bytes"
	"net"
	"sync"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// udpConn is the client's end of a UDP flow. Unlike gonet's connection, it holds no
// buffer while it waits for a datagram.
type udpConn struct {
	ep     tcpip.Endpoint
	ready  <-chan struct{}
	closed chan struct{}
	once   sync.Once
}

// acceptUDP makes a flow for the datagram of r.
func acceptUDP(r *udp.ForwarderRequest) (*udpConn, error) {
	wq := new(waiter.Queue)
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	wq.EventRegister(&entry)
	ep, err := r.CreateEndpoint(wq)
	if err != nil {
		return nil, asError(err)
	}
	return &udpConn{ep: ep, ready: ready, closed: make(chan struct{})}, nil
}

// wait returns when there may be something to read. It returns false once closed.
func (c *udpConn) wait() bool {
	select {
	case <-c.ready:
		return true
	case <-c.closed:
		return false
	}
}

// read takes a datagram, if there is one.
func (c *udpConn) read(b []byte) (int, bool) {
	w := tcpip.SliceWriter(b)
	res, err := c.ep.Read(&w, tcpip.ReadOptions{})
	return res.Count, err == nil
}

// write sends a datagram to the client, if there is room.
func (c *udpConn) write(b []byte) { c.ep.Write(bytes.NewReader(b), tcpip.WriteOptions{}) }

// close may be called more than once.
func (c *udpConn) close() {
	c.once.Do(func() {
		close(c.closed)
		c.ep.Close()
	})
}

// receiveHolding takes a datagram from a connection. It holds a buffer all the time
// it waits.
func receiveHolding(conn net.Conn, take func([]byte)) error {
	b := datagrams.Get().(*[maxMTU]byte)
	defer datagrams.Put(b)
	n, err := conn.Read(b[:])
	if err == nil {
		take(b[:n])
	}
	return err
}
