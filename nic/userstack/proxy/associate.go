package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxDatagram = 65535
	// udpFlows is how many destinations one association may talk to at a time. A
	// new one ends another.
	udpFlows = 64
	// udpQueue is how many datagrams wait for a destination whose name is being
	// resolved.
	udpQueue = 16
	udpIdle  = time.Minute
	// udpWaiting is how many bytes wait for all destinations of an association.
	udpWaiting = 256 << 10
)

var errFragment = errors.New("fragmented datagram")

// association relays datagrams between one program and its destinations, each
// with the header of RFC 1928, section 7.
type association struct {
	dialer  Dialer
	conn    net.PacketConn // faces the program
	host    netip.Addr     // the only address the program may send from
	ctx     context.Context
	running sync.WaitGroup

	mu      sync.Mutex
	program net.Addr // where it sent from last
	flows   map[string]*dialogue
	waiting int // bytes that wait for destinations
}

// associate serves UDP until the program closes its TCP connection.
func (s *SOCKS) associate(conn net.Conn) error {
	local, remote := hostOf(conn.LocalAddr()), hostOf(conn.RemoteAddr())
	if !local.IsValid() || !remote.IsValid() {
		reply(conn, replyFailure, nil)
		return fmt.Errorf("UDP ASSOCIATE from %v: not a TCP address", conn.RemoteAddr())
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		reply(conn, replyFailure, nil)
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	a := &association{dialer: s.dialer, conn: udp, host: remote, ctx: ctx, flows: make(map[string]*dialogue)}
	defer a.running.Wait()
	defer udp.Close()
	defer cancel()
	if err := reply(conn, replySucceeded, udp.LocalAddr()); err != nil {
		return err
	}
	a.running.Go(a.receive)
	io.Copy(io.Discard, conn)
	return nil
}

func hostOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// receive takes datagrams from the program until the socket is closed.
func (a *association) receive() {
	b := make([]byte, maxDatagram)
	for {
		n, from, err := a.conn.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || hostOf(from) != a.host {
			continue
		}
		target, payload, err := parseDatagram(b[:n])
		if err != nil {
			continue
		}
		a.pass(from, target, bytes.Clone(payload))
	}
}

// parseDatagram splits a program's datagram. It shares b.
func parseDatagram(b []byte) (target string, payload []byte, err error) {
	if len(b) < 3 {
		return "", nil, io.ErrUnexpectedEOF
	}
	if b[2] != 0 {
		return "", nil, errFragment
	}
	r := bytes.NewReader(b[3:])
	target, err = readAddress(r)
	if err != nil {
		return "", nil, err
	}
	return target, b[len(b)-r.Len():], nil
}

// dialogue is the exchange between the program and one destination.
type dialogue struct {
	queue  chan []byte
	cancel context.CancelFunc // ends it, even while it resolves a name
	used   time.Time
}

// pass gives a datagram to its destination's dialogue, and starts one if needed.
func (a *association) pass(from net.Addr, target string, payload []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.program = from
	e := a.flows[target]
	if e == nil {
		a.makeRoom()
		e = a.start(target)
	}
	e.used = time.Now()
	if a.waiting+len(payload) > udpWaiting {
		return // lost, as datagrams may be
	}
	select {
	case e.queue <- payload:
		a.waiting += len(payload)
	default:
	}
}

func (a *association) start(target string) *dialogue {
	ctx, cancel := context.WithCancel(a.ctx)
	e := &dialogue{queue: make(chan []byte, udpQueue), cancel: cancel}
	a.flows[target] = e
	a.running.Go(func() { a.run(ctx, target, e) })
	return e
}

// makeRoom ends the dialogue that has been unused longest if there are too many.
func (a *association) makeRoom() {
	if len(a.flows) < udpFlows {
		return
	}
	var oldest string
	for target, e := range a.flows {
		if oldest == "" || e.used.Before(a.flows[oldest].used) {
			oldest = target
		}
	}
	a.flows[oldest].cancel()
	delete(a.flows, oldest)
}

// run connects a dialogue and carries its datagrams until it is idle or ended.
func (a *association) run(ctx context.Context, target string, e *dialogue) {
	defer a.forget(target, e)
	dialling, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	outer, err := a.dialer.DialContext(dialling, "udp", target)
	if err != nil {
		return
	}
	defer outer.Close()
	ended := make(chan struct{})
	a.running.Go(func() {
		defer close(ended)
		a.back(outer)
	})
	for {
		select {
		case payload := <-e.queue:
			a.left(len(payload))
			outer.Write(payload)
		case <-time.After(udpIdle):
			return
		case <-ended:
			return
		case <-ctx.Done():
			return
		}
	}
}

// left notes that n bytes no longer wait.
func (a *association) left(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting -= n
}

// forget drops a dialogue and the datagrams that wait for it.
func (a *association) forget(target string, e *dialogue) {
	e.cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flows[target] == e {
		delete(a.flows, target)
	}
	for len(e.queue) > 0 {
		a.waiting -= len(<-e.queue)
	}
}

// back sends answers to the program until outer is closed or fails.
func (a *association) back(outer net.Conn) {
	head := appendAddress([]byte{0, 0, 0}, outer.RemoteAddr())
	b := make([]byte, len(head)+maxDatagram)
	copy(b, head)
	for {
		n, err := outer.Read(b[len(head):])
		if err != nil {
			return
		}
		a.mu.Lock()
		program := a.program
		a.mu.Unlock()
		a.conn.WriteTo(b[:len(head)+n], program)
	}
}
