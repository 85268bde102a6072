package userstack

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	dnsPort = 53
	dnsIdle = 10 * time.Second
)

// serveUDP sees each datagram that belongs to no flow. False lets the stack
// answer it with ICMP port unreachable.
func (f *Forwarder) serveUDP(r *udp.ForwarderRequest) bool {
	fl := flowOf(r.ID())
	if isGroup(fl.dst.Addr()) {
		f.refused.Add(1)
		return true
	}
	to, err := f.target(fl.dst)
	if err != nil {
		return false
	}
	wq := new(waiter.Queue)
	ep, terr := r.CreateEndpoint(wq)
	if terr != nil {
		return true
	}
	inner := gonet.NewUDPConn(wq, ep)
	u := &udpFlow{flow: fl, end: func() { inner.Close() }}
	u.touch()
	f.flows.add(u)
	f.running.Go(func() { f.runUDP(u, inner, to.String()) })
	return true
}

// runUDP carries datagrams both ways until the flow is idle or ended.
func (f *Forwarder) runUDP(u *udpFlow, inner net.Conn, to string) {
	defer inner.Close()
	defer f.flows.remove(u)
	defer context.AfterFunc(f.ctx, func() { inner.Close() })()
	ctx, cancel := context.WithTimeout(f.ctx, f.o.DialTimeout)
	defer cancel()
	outer, err := f.o.DialContext(ctx, "udp", to)
	if err != nil {
		f.stack.dev.sendRaw(unreachableUDP(u.flow))
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		defer inner.Close()
		f.udpInbound(u, inner, outer)
	})
	f.udpOutbound(u, outer, inner)
	outer.Close()
	back.Wait()
}

// udpOutbound sends what the client sends until inner is closed. What the
// system refuses to send is lost, as datagrams may be.
func (f *Forwarder) udpOutbound(u *udpFlow, outer, inner net.Conn) {
	b := make([]byte, maxMTU)
	for {
		n, err := inner.Read(b)
		if err != nil {
			return
		}
		u.touch()
		if _, err := outer.Write(b[:n]); errors.Is(err, syscall.ECONNREFUSED) {
			f.stack.dev.sendRaw(unreachableUDP(u.flow))
		}
	}
}

// udpInbound returns answers to the client until outer is closed or the flow
// idle. An ICMP port unreachable is an answer too and does not end the flow.
func (f *Forwarder) udpInbound(u *udpFlow, inner, outer net.Conn) {
	limit := f.o.UDPIdle
	if u.dst.Port() == dnsPort {
		limit = min(limit, dnsIdle)
	}
	b := make([]byte, maxMTU)
	for left := limit; left > 0; left = limit - u.idle() {
		outer.SetReadDeadline(time.Now().Add(left))
		n, err := outer.Read(b)
		switch {
		case err == nil:
			u.touch()
			inner.Write(b[:n])
		case errors.Is(err, syscall.ECONNREFUSED):
			f.stack.dev.sendRaw(unreachableUDP(u.flow))
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return
		}
	}
}
