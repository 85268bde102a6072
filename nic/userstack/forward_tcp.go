package userstack

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"culvert/internal/sockerr"
	"culvert/nic/userstack/relay"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Keepalive of the inner connections. It ends those of a client that has silently
// gone, after 5 to 7 minutes.
const (
	keepaliveIdle     = 5 * time.Minute
	keepaliveInterval = 30 * time.Second
	keepaliveCount    = 4
)

// admitTCP gets each TCP segment that belongs to no connection. It returns false to
// let the stack answer with a reset.
func (f *Forwarder) admitTCP(requests *tcp.Forwarder, id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	segment := header.TCP(pkt.TransportHeader().Slice())
	if segment.Flags()&(header.TCPFlagSyn|header.TCPFlagAck) != header.TCPFlagSyn {
		return false
	}
	fl := flowOf(id)
	switch f.tcp.begin(f.ctx, fl, segment.SequenceNumber()) {
	case underWay:
		return true
	case tooFast:
		f.ignored.Add(1)
		return true
	case tooMany:
		f.refuseMore(fl, segment.SequenceNumber())
		return true
	}
	f.running.Add(1)
	if !requests.HandlePacket(id, pkt) { // malformed
		f.running.Done()
		f.tcp.ended(f.tcp.attempt(fl))
		return false
	}
	return true
}

// refuseMore answers a client that has all the connections it may have, and logs
// that once a minute.
func (f *Forwarder) refuseMore(fl flow, seq uint32) {
	f.refused.Add(1)
	f.stack.dev.sendRaw(unreachableTCP(fl, seq))
	if f.full.allow(fl.src.Addr()) {
		f.o.Logger.Warn("a client has all the TCP connections that it may have, or that there is memory for; more are answered with \"host unreachable\" until some end",
			"client", fl.src.Addr(), "limit of a client", f.o.ConnsPerClient, "limit of all", f.o.Conns, "open now", f.tcp.count())
	}
}

// serveTCP connects outside, then completes the handshake inside, then carries
// bytes both ways. It runs in a goroutine of its own.
func (f *Forwarder) serveTCP(r *tcp.ForwarderRequest) {
	defer f.running.Done()
	c := f.tcp.attempt(flowOf(r.ID()))
	defer f.tcp.ended(c)
	outer, err := f.dialTCP(c)
	if err != nil {
		f.rejectTCP(r, c, err)
		return
	}
	defer outer.Close()
	inner, err := acceptTCP(r, c.account)
	if err != nil {
		return
	}
	defer inner.Close()
	abort := func() { relay.Abort(inner); relay.Abort(outer) }
	f.tcp.opened(c, abort)
	defer context.AfterFunc(f.ctx, abort)()
	relay.Run(inner, outer, func() { f.tcp.halfClosed(c) })
}

func (f *Forwarder) dialTCP(c *connection) (net.Conn, error) {
	to, err := f.target(c.flow)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.opening, f.o.DialTimeout)
	defer cancel()
	conn, err := f.o.DialContext(ctx, "tcp", to.String())
	return conn, sockerr.Named(err)
}

// rejectTCP tells the client why its connection failed. It sends nothing if the
// attempt was displaced, so that a client that still wants the connection asks
// again.
func (f *Forwarder) rejectTCP(r *tcp.ForwarderRequest, c *connection, err error) {
	refused := errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, errRefused)
	r.Complete(refused)
	if !refused && c.opening.Err() == nil {
		f.stack.dev.sendRaw(unreachableTCP(c.flow, c.seq))
	}
}

// acceptTCP completes the handshake. The connection takes over the account.
func acceptTCP(r *tcp.ForwarderRequest, a *account) (*conn, error) {
	wq := new(waiter.Queue)
	ep, err := r.CreateEndpoint(wq)
	r.Complete(err != nil)
	if err != nil {
		return nil, asError(err)
	}
	idle, interval := tcpip.KeepaliveIdleOption(keepaliveIdle), tcpip.KeepaliveIntervalOption(keepaliveInterval)
	ep.SetSockOpt(&idle)
	ep.SetSockOpt(&interval)
	ep.SetSockOptInt(tcpip.KeepaliveCountOption, keepaliveCount)
	ep.SocketOptions().SetKeepAlive(true)
	return newConn(wq, ep, a), nil
}
