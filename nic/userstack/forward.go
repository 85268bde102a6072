package userstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// ForwardOptions says how Forward reaches the outside, and how much one client may
// take. Zero values mean the defaults.
type ForwardOptions struct {
	// Logger receives what an operator must mend. Nil means slog.Default.
	Logger *slog.Logger
	// DialContext opens the outer TCP and UDP sockets. Nil means net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Local maps a TCP or UDP destination to another that is dialled instead,
	// without further checks. It can offer a service of this host under the stack's
	// own address. Forward asks it first, for every destination.
	Local func(netip.AddrPort) (netip.AddrPort, bool)

	// Access says what clients may reach around this host.
	Access Access

	// DialTimeout bounds an outer TCP connection attempt (15 s).
	DialTimeout time.Duration
	// UDPIdle ends a UDP flow that is silent (60 s; 10 s to port 53).
	UDPIdle time.Duration
	// HalfOpenPerClient bounds how many TCP connections one client address may be
	// opening (128). One more ends the attempt that was asked for longest ago.
	HalfOpenPerClient int
	// ConnsPerClient bounds open TCP connections of one client address (1024), and
	// Conns those of all (8192). One more ends the client's connection that has
	// been half-closed longest. If there is none, the new one is answered with ICMP
	// unreachable, and so is one for which the stack has no memory.
	ConnsPerClient, Conns int
	// FlowsPerClient bounds UDP flows of one client address (256), and Flows those
	// of all (4096). A new flow ends the one that has been idle longest, of its own
	// client or of the client with most flows.
	FlowsPerClient, Flows int
	// OpenRate is how many TCP connections, and how many UDP flows, one client
	// address may open a second (256), after a burst of four times as many. More
	// are ignored, as if lost on the way.
	OpenRate int
}

// Forwarder sends what a stack receives for other hosts on to them, through sockets
// of this process. It lives until its stack is closed.
type Forwarder struct {
	o     ForwardOptions
	stack *Stack
	gate  *gate
	tcp   *admission
	flows *flowTable
	paced *pace // new UDP flows
	full  *pace // log lines about clients that have too many connections
	echo4 *echoer
	echo6 *echoer

	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup
	noPing  sync.Once
	refused atomic.Uint64
	ignored atomic.Uint64
}

// ForwardStats counts what a forwarder has done and has open.
type ForwardStats struct {
	// TCP connections and UDP flows open now.
	TCP, UDP int
	// Refused counts connections over a limit, and connections and datagrams to
	// destinations that clients may not reach.
	Refused uint64
	// Ignored counts connection attempts and echo requests that were dropped
	// because their client has too many under way.
	Ignored uint64
}

// flow names a connection or exchange as a client sees it.
type flow struct{ src, dst netip.AddrPort }

var errRefused = errors.New("clients may not reach this destination")

// Forward makes s pass on TCP connections, UDP datagrams and ICMP echo requests to
// any destination. What the stack itself serves (listeners, ping to its own
// addresses) stays with it.
//
// Unless Local maps them, it refuses the stack's own addresses and whatever Access
// does not allow. A connection is accepted once the outer one is open. It is reset
// if the outer one is refused, and answered with ICMP unreachable if the host
// cannot be reached.
//
// Forward fails if s already forwards or is closed.
func Forward(s *Stack, o ForwardOptions) (*Forwarder, error) {
	f := newForwarder(s, o.withDefaults())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return nil, fmt.Errorf("userstack: forward: %w", net.ErrClosed)
	}
	if s.forwarder != nil {
		return nil, errors.New("userstack: this stack already has a forwarder; use that one")
	}
	if err := f.attach(); err != nil {
		return nil, err
	}
	s.forwarder = f
	return f, nil
}

func (o ForwardOptions) withDefaults() ForwardOptions {
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.DialContext == nil {
		o.DialContext = new(net.Dialer).DialContext
	}
	o.DialTimeout = cmp.Or(o.DialTimeout, 15*time.Second)
	o.UDPIdle = cmp.Or(o.UDPIdle, time.Minute)
	o.HalfOpenPerClient = cmp.Or(o.HalfOpenPerClient, 128)
	o.ConnsPerClient, o.Conns = cmp.Or(o.ConnsPerClient, 1024), cmp.Or(o.Conns, 8192)
	o.OpenRate = cmp.Or(o.OpenRate, 256)
	o.FlowsPerClient, o.Flows = cmp.Or(o.FlowsPerClient, 256), cmp.Or(o.Flows, 4096)
	return o
}

func newForwarder(s *Stack, o ForwardOptions) *Forwarder {
	f := &Forwarder{
		o:     o,
		stack: s,
		gate:  newGate(o.Access, o.Logger),
		tcp:   newAdmission(o.HalfOpenPerClient, o.ConnsPerClient, o.Conns, newPace(rate.Limit(o.OpenRate), 4*o.OpenRate), s.clients),
		flows: newFlowTable(o.FlowsPerClient, o.Flows),
		paced: newPace(rate.Limit(o.OpenRate), 4*o.OpenRate),
		full:  newPace(rate.Every(time.Minute), 1),
	}
	f.echo4 = &echoer{open: openEcho4, denied: f.warnNoPing, reply: s.dev.sendRaw}
	f.echo6 = &echoer{open: openEcho6, denied: f.warnNoPing, reply: s.dev.sendRaw}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	return f
}

// warnNoPing logs once why echo requests are dropped.
func (f *Forwarder) warnNoPing(err error) {
	f.noPing.Do(func() {
		f.o.Logger.Warn("clients cannot ping other hosts: this process may not open ICMP sockets; "+
			"allow it with: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"", "error", err)
	})
}

// attach makes the stack take all packets that arrive, whatever their destination.
func (f *Forwarder) attach() error {
	ip := f.stack.ip
	if err := ip.SetPromiscuousMode(nicID, true); err != nil {
		return fmt.Errorf("userstack: forward: receive for all addresses: %s", err)
	}
	if err := ip.SetSpoofing(nicID, true); err != nil {
		return fmt.Errorf("userstack: forward: send from all addresses: %s", err)
	}
	requests := tcp.NewForwarder(ip, bufferBase, f.o.Conns, f.serveTCP)
	ip.SetTransportProtocolHandler(tcp.ProtocolNumber, func(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
		return f.admitTCP(requests, id, pkt)
	})
	ip.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(ip, f.serveUDP).HandlePacket)
	ip.SetTransportProtocolHandler(icmp.ProtocolNumber4, f.serveEcho)
	ip.SetTransportProtocolHandler(icmp.ProtocolNumber6, f.serveEcho)
	return nil
}

// Stats returns the present counts.
func (f *Forwarder) Stats() ForwardStats {
	// gVisor itself drops packets to and from loopback addresses.
	martians := f.stack.ip.Stats().IP.InvalidDestinationAddressesReceived.Value()
	return ForwardStats{
		TCP:     f.tcp.count(),
		UDP:     f.flows.count(),
		Refused: f.refused.Load() + martians,
		Ignored: f.ignored.Load(),
	}
}

// wait returns once everything has ended after cancel.
func (f *Forwarder) wait() {
	f.echo4.close()
	f.echo6.close()
	f.running.Wait()
}

// target returns what to dial for a client's destination, or errRefused.
func (f *Forwarder) target(fl flow) (netip.AddrPort, error) {
	if f.o.Local != nil {
		if to, ok := f.o.Local(fl.dst); ok {
			return to, nil
		}
	}
	if f.stack.owns(fl.dst.Addr()) || !f.gate.pass(fl.src.Addr(), fl.dst) {
		f.refused.Add(1)
		return netip.AddrPort{}, errRefused
	}
	return fl.dst, nil
}

func flowOf(id stack.TransportEndpointID) flow {
	return flow{
		src: netip.AddrPortFrom(toAddr(id.RemoteAddress), id.RemotePort),
		dst: netip.AddrPortFrom(toAddr(id.LocalAddress), id.LocalPort),
	}
}
