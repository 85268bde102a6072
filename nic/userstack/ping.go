package userstack

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/icmp"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	gicmp "gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Ping sends one ICMP or ICMPv6 echo request through the stack and waits for
// the reply until ctx ends. It returns the round-trip time.
func (s *Stack) Ping(ctx context.Context, to netip.Addr) (time.Duration, error) {
	return s.PingSize(ctx, to, pingSize)
}

// pingSize is how much payload Ping sends, in bytes.
const pingSize = 32

// PingSize is Ping with a payload of size bytes, at least 16, behind the 8 bytes of the
// echo's header. What does not fit the stack's MTU leaves in fragments.
func (s *Stack) PingSize(ctx context.Context, to netip.Addr, size int) (time.Duration, error) {
	rtt, err := s.ping(ctx, to.Unmap(), size)
	if err != nil {
		return 0, fmt.Errorf("ping %v: %w", to, err)
	}
	return rtt, nil
}

func (s *Stack) ping(ctx context.Context, to netip.Addr, size int) (time.Duration, error) {
	conn, err := s.echoSocket(to)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	payload := make([]byte, max(16, size))
	rand.Read(payload)
	request, err := echoMessage(to, icmp.Echo{Seq: 1, Data: payload}, false)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	if err := awaitEcho(conn, payload); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, err
	}
	return time.Since(start), nil
}

// echoSocket returns a gVisor ping socket. It sets the identifier of what it sends,
// and receives only replies with that identifier.
func (s *Stack) echoSocket(to netip.Addr) (net.Conn, error) {
	if s.closed.Load() {
		return nil, net.ErrClosed
	}
	proto := tcpip.TransportProtocolNumber(gicmp.ProtocolNumber4)
	if to.Is6() {
		proto = gicmp.ProtocolNumber6
	}
	wq := new(waiter.Queue)
	ep, err := s.ip.NewEndpoint(proto, protocolOf(to), wq)
	if err != nil {
		return nil, asError(err)
	}
	if err := ep.Connect(fullAddress(netip.AddrPortFrom(to, 0))); err != nil {
		ep.Close()
		return nil, asError(err)
	}
	return gonet.NewUDPConn(wq, ep), nil
}

func awaitEcho(conn net.Conn, payload []byte) error {
	const echoHeader = 8
	b := make([]byte, maxMTU)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return err
		}
		if n > echoHeader && bytes.Equal(b[echoHeader:n], payload) {
			return nil
		}
	}
}
