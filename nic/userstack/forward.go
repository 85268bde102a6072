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

	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// ForwardOptions says how Forward reaches the outside and how much one client
// may take. Zero values mean the defaults.
type ForwardOptions struct {
	// Logger hears what an operator must mend. Nil means slog.Default.
	Logger *slog.Logger
	// DialContext opens the outer TCP and UDP sockets. Nil means net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Local maps a TCP or UDP destination to one that is dialled instead,
	// without further checks: the way to offer a service of this host under
	// the stack's own address. It is asked first, for every destination.
	Local func(netip.AddrPort) (netip.AddrPort, bool)

	// DialTimeout bounds an outer TCP connection attempt (15 s).
	DialTimeout time.Duration
	// UDPIdle ends a UDP flow that is silent (60 s; 10 s to port 53).
	UDPIdle time.Duration
	// HalfOpenPerClient bounds TCP connections of one client address that
	// are being opened (128). More are ignored, so that the client retries.
	HalfOpenPerClient int
	// ConnsPerClient bounds open TCP connections of one client address
	// (1024), and Conns those of all (8192). More are reset.
	ConnsPerClient, Conns int
	// FlowsPerClient bounds UDP flows of one client address (256), and Flows
	// those of all (4096). A new one ends the idlest of its client, or of the
	// client with most flows.
	FlowsPerClient, Flows int
}

// Forwarder carries what a stack receives for other hosts on to them, by
// sockets of this process. It lives until its stack is closed.
type Forwarder struct {
	o     ForwardOptions
	stack *Stack
	tcp   *admission
	flows *flowTable
	echo4 *echoer
	echo6 *echoer

	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup
	noPing  sync.Once
	refused atomic.Uint64
	ignored atomic.Uint64
}

// ForwardStats counts what a forwarder does.
type ForwardStats struct {
	// TCP connections and UDP flows open now.
	TCP, UDP int
	// Refused counts connections and datagrams to destinations that clients
	// may not reach, and connections over the limit.
	Refused uint64
	// Ignored counts connection attempts and echo requests dropped because
	// their client has too many under way.
	Ignored uint64
}

// flow names a connection or exchange as a client sees it.
type flow struct{ src, dst netip.AddrPort }

var errRefused = errors.New("clients may not reach this destination")

// Forward makes s pass TCP connections, UDP datagrams and ICMP echo requests
// to any destination on to it. What the stack itself serves (listeners, ping
// to its own addresses) stays with it.
//
// Refused are, unless Local maps them: the stack's own addresses, and
// loopback, unspecified, link-local, multicast and broadcast addresses. A
// connection is accepted once the outer one is; it is reset when that is
// refused, and answered with ICMP unreachable when the host cannot be reached.
//
// It fails when s already forwards or is closed.
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
	o.FlowsPerClient, o.Flows = cmp.Or(o.FlowsPerClient, 256), cmp.Or(o.Flows, 4096)
	return o
}

func newForwarder(s *Stack, o ForwardOptions) *Forwarder {
	f := &Forwarder{
		o:     o,
		stack: s,
		tcp:   newAdmission(o.HalfOpenPerClient, o.ConnsPerClient, o.Conns),
		flows: newFlowTable(o.FlowsPerClient, o.Flows),
	}
	f.echo4 = &echoer{open: openEcho4, denied: f.warnNoPing, reply: s.dev.sendRaw}
	f.echo6 = &echoer{open: openEcho6, denied: f.warnNoPing, reply: s.dev.sendRaw}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	return f
}

// warnNoPing says once why echo requests are dropped.
func (f *Forwarder) warnNoPing(err error) {
	f.noPing.Do(func() {
		f.o.Logger.Warn("clients cannot ping other hosts: this process may not open ICMP sockets; "+
			"allow it with: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"", "error", err)
	})
}

// attach takes all packets that arrive, whatever their destination.
func (f *Forwarder) attach() error {
	ip := f.stack.ip
	if err := ip.SetPromiscuousMode(nicID, true); err != nil {
		return fmt.Errorf("userstack: forward: receive for all addresses: %s", err)
	}
	if err := ip.SetSpoofing(nicID, true); err != nil {
		return fmt.Errorf("userstack: forward: send from all addresses: %s", err)
	}
	requests := tcp.NewForwarder(ip, 0, f.o.Conns, f.serveTCP)
	ip.SetTransportProtocolHandler(tcp.ProtocolNumber, func(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
		return f.admitTCP(requests, id, pkt)
	})
	ip.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(ip, f.serveUDP).HandlePacket)
	ip.SetTransportProtocolHandler(icmp.ProtocolNumber4, f.serveEcho)
	ip.SetTransportProtocolHandler(icmp.ProtocolNumber6, f.serveEcho)
	return nil
}

// Stats is a snapshot of the counters.
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

// wait returns when everything has ended after cancel.
func (f *Forwarder) wait() {
	f.echo4.close()
	f.echo6.close()
	f.running.Wait()
}

// target is what to dial for a destination, or errRefused.
func (f *Forwarder) target(dst netip.AddrPort) (netip.AddrPort, error) {
	if f.o.Local != nil {
		if to, ok := f.o.Local(dst); ok {
			return to, nil
		}
	}
	if f.stack.owns(dst.Addr()) || !reachable(dst.Addr()) {
		f.refused.Add(1)
		return netip.AddrPort{}, errRefused
	}
	return dst, nil
}

var thisNetwork = netip.MustParsePrefix("0.0.0.0/8") // RFC 1122: this host

// reachable reports whether clients may reach an address: a unicast address
// that does not name this host or its link.
func reachable(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsLoopback() && !a.IsLinkLocalUnicast() && !isGroup(a) && !a.IsUnspecified() && !thisNetwork.Contains(a)
}

// isGroup reports whether an address names several hosts.
func isGroup(a netip.Addr) bool {
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func (f *Forwarder) dial(network string, dst netip.AddrPort) (net.Conn, error) {
	to, err := f.target(dst)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(f.ctx, f.o.DialTimeout)
	defer cancel()
	return f.o.DialContext(ctx, network, to.String())
}

func flowOf(id stack.TransportEndpointID) flow {
	return flow{
		src: netip.AddrPortFrom(toAddr(id.RemoteAddress), id.RemotePort),
		dst: netip.AddrPortFrom(toAddr(id.LocalAddress), id.LocalPort),
	}
}
