package userstack

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	dnsPort = 53
	dnsIdle = 10 * time.Second
)

// datagrams are buffers for one datagram each, used while one is on its way.
var datagrams = sync.Pool{New: func() any { return new([maxMTU]byte) }}

// serveUDP gets each datagram that belongs to no flow. It returns false to let the
// stack answer with ICMP port unreachable.
func (f *Forwarder) serveUDP(r *udp.ForwarderRequest) bool {
	fl := flowOf(r.ID())
	if isGroup(fl.dst.Addr()) {
		f.refused.Add(1)
		return true
	}
	to, err := f.target(fl)
	if err != nil {
		return false
	}
	if !f.paced.allow(fl.src.Addr()) {
		f.ignored.Add(1)
		return true
	}
	inner, terr := acceptUDP(r)
	if terr != nil {
		return true
	}
	u := &udpFlow{flow: fl, end: inner.close}
	u.touch()
	f.flows.add(u)
	f.running.Go(func() { f.runUDP(u, inner, to.String()) })
	return true
}

// runUDP carries datagrams both ways until the flow is idle or ended.
func (f *Forwarder) runUDP(u *udpFlow, inner *udpConn, to string) {
	defer inner.close()
	defer f.flows.remove(u)
	defer context.AfterFunc(f.ctx, inner.close)()
	ctx, cancel := context.WithTimeout(f.ctx, f.o.DialTimeout)
	defer cancel()
	outer, err := f.o.DialContext(ctx, "udp", to)
	if err != nil {
		f.stack.dev.sendRaw(unreachableUDP(u.flow))
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		defer inner.close()
		f.udpInbound(u, inner, outer)
	})
	f.udpOutbound(u, outer, inner)
	outer.Close()
	back.Wait()
}

// udpOutbound sends what the client sends, until inner is closed. What the system
// refuses to send is lost, as datagrams may be.
func (f *Forwarder) udpOutbound(u *udpFlow, outer net.Conn, inner *udpConn) {
	for inner.wait() {
		b := datagrams.Get().(*[maxMTU]byte)
		for n, ok := inner.read(b[:]); ok; n, ok = inner.read(b[:]) {
			u.touch()
			if _, err := outer.Write(b[:n]); errors.Is(err, syscall.ECONNREFUSED) {
				f.stack.dev.sendRaw(unreachableUDP(u.flow))
			}
		}
		datagrams.Put(b)
	}
}

// udpInbound returns answers to the client until outer is closed or the flow
// idle. An ICMP port unreachable is an answer too and does not end the flow.
func (f *Forwarder) udpInbound(u *udpFlow, inner *udpConn, outer net.Conn) {
	limit := f.o.UDPIdle
	if u.dst.Port() == dnsPort {
		limit = min(limit, dnsIdle)
	}
	for left := limit; left > 0; left = limit - u.idle() {
		outer.SetReadDeadline(time.Now().Add(left))
		err := receive(outer, func(datagram []byte) {
			u.touch()
			inner.write(datagram)
		})
		switch {
		case err == nil:
		case errors.Is(err, syscall.ECONNREFUSED):
			f.stack.dev.sendRaw(unreachableUDP(u.flow))
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return
		}
	}
}
