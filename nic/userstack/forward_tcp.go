package userstack

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Keepalive of the inner connections, so that those of a client that left
// without a word end: after 5 to 7 minutes of silence.
const (
	keepaliveIdle     = 5 * time.Minute
	keepaliveInterval = 30 * time.Second
	keepaliveCount    = 4
)

// admitTCP sees each TCP segment that belongs to no connection. False lets the
// stack answer it with a reset.
func (f *Forwarder) admitTCP(requests *tcp.Forwarder, id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	segment := header.TCP(pkt.TransportHeader().Slice())
	if segment.Flags()&(header.TCPFlagSyn|header.TCPFlagAck) != header.TCPFlagSyn {
		return false
	}
	fl := flowOf(id)
	switch f.tcp.begin(fl, segment.SequenceNumber()) {
	case underWay:
		return true
	case tooFast:
		f.ignored.Add(1)
		return true
	case tooMany:
		f.refused.Add(1)
		return false
	}
	f.running.Add(1)
	if !requests.HandlePacket(id, pkt) { // malformed
		f.running.Done()
		f.tcp.failed(fl)
		return false
	}
	return true
}

// serveTCP connects outside, then completes the handshake inside, then carries
// bytes both ways. It runs in a goroutine of its own.
func (f *Forwarder) serveTCP(r *tcp.ForwarderRequest) {
	defer f.running.Done()
	fl := flowOf(r.ID())
	outer, err := f.dial("tcp", fl.dst)
	if err != nil {
		f.rejectTCP(r, fl, err)
		f.tcp.failed(fl)
		return
	}
	defer outer.Close()
	inner, err := acceptTCP(r)
	if err != nil {
		f.tcp.failed(fl)
		return
	}
	f.tcp.opened(fl)
	defer f.tcp.closed(fl)
	defer inner.Close()
	defer context.AfterFunc(f.ctx, func() { abort(inner, outer) })()
	relay(inner, outer)
}

// rejectTCP tells the client why its connection failed.
func (f *Forwarder) rejectTCP(r *tcp.ForwarderRequest, fl flow, err error) {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errRefused) {
		r.Complete(true)
		return
	}
	r.Complete(false)
	f.stack.dev.sendRaw(unreachableTCP(fl, f.tcp.syn(fl)))
}

// innerConn is a client's connection. Unlike gonet's it can be reset.
type innerConn struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

func (c innerConn) abort() { c.ep.Abort() }

func acceptTCP(r *tcp.ForwarderRequest) (innerConn, error) {
	wq := new(waiter.Queue)
	ep, err := r.CreateEndpoint(wq)
	r.Complete(err != nil)
	if err != nil {
		return innerConn{}, asError(err)
	}
	idle, interval := tcpip.KeepaliveIdleOption(keepaliveIdle), tcpip.KeepaliveIntervalOption(keepaliveInterval)
	ep.SetSockOpt(&idle)
	ep.SetSockOpt(&interval)
	ep.SetSockOptInt(tcpip.KeepaliveCountOption, keepaliveCount)
	ep.SocketOptions().SetKeepAlive(true)
	return innerConn{gonet.NewTCPConn(wq, ep), ep}, nil
}

var copyBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// relay carries bytes both ways until both ends have closed their half, or one
// fails: then the other is reset too.
func relay(inner innerConn, outer net.Conn) {
	var back sync.WaitGroup
	back.Go(func() { carry(inner, outer, inner, outer) })
	carry(outer, inner, inner, outer)
	back.Wait()
}

func carry(dst, src net.Conn, inner innerConn, outer net.Conn) {
	buffer := copyBuffers.Get().(*[64 << 10]byte)
	defer copyBuffers.Put(buffer)
	// The wrappers hide ReadFrom and WriteTo, which would not use buffer.
	_, err := io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, buffer[:])
	if half, ok := dst.(interface{ CloseWrite() error }); ok && err == nil {
		err = half.CloseWrite()
	}
	if err != nil {
		abort(inner, outer)
	}
}

// abort resets both connections.
func abort(inner innerConn, outer net.Conn) {
	inner.abort()
	if c, ok := outer.(interface{ SetLinger(int) error }); ok {
		c.SetLinger(0)
	}
	outer.Close()
}
