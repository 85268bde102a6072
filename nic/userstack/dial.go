package userstack

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// AttemptTime bounds one connection attempt while the name has other addresses
// to try.
const AttemptTime = 5 * time.Second

// DialContext connects through the stack. The network is tcp, tcp4, tcp6, udp,
// udp4 or udp6; address is host:port with a numeric port. Names are resolved
// as Options says, and their addresses tried in turn. Errors are *net.OpError
// wrapping the cause: a syscall.Errno, ErrNoDNS, a *net.DNSError or ctx's.
func (s *Stack) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := s.dial(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: textAddr{network, address}, Err: err}
	}
	return conn, nil
}

func (s *Stack) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if !slices.Contains([]string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"}, network) {
		return nil, net.UnknownNetworkError(network)
	}
	targets, err := s.targets(ctx, network, address)
	if err != nil {
		return nil, err
	}
	dialOne := s.dialTCP
	if strings.HasPrefix(network, "udp") {
		dialOne = s.dialUDP
	}
	var first error
	for i, target := range targets {
		conn, err := attempt(ctx, dialOne, target, i == len(targets)-1)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

type dialFunc func(context.Context, netip.AddrPort) (net.Conn, error)

func attempt(ctx context.Context, dial dialFunc, target netip.AddrPort, last bool) (net.Conn, error) {
	if !last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, AttemptTime)
		defer cancel()
	}
	return dial(ctx, target)
}

// targets returns the addresses to try, at least one.
func (s *Stack) targets(ctx context.Context, network, address string) ([]netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.LookupPort(network, portText)
	if err != nil {
		return nil, err
	}
	addrs, err := s.addrs(ctx, network, host)
	if err != nil {
		return nil, err
	}
	targets := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		targets[i] = netip.AddrPortFrom(a.Unmap(), uint16(port))
		if err := s.check(network, a.Unmap()); err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// check refuses at once what no tunnel leads to: addresses that mean whoever asks,
// with EACCES, and for TCP addresses of several hosts, with ENETUNREACH.
func (s *Stack) check(network string, a netip.Addr) error {
	switch {
	case a.IsLoopback() || a.IsUnspecified() || thisNetwork.Contains(a):
		return fmt.Errorf("%v means the host that asks for it, and is not behind the tunnel: %w", a, syscall.EACCES)
	case strings.HasPrefix(network, "tcp") && (isGroup(a) || s.broadcast(a)):
		return fmt.Errorf("%v means several hosts, and TCP connects to one: %w", a, syscall.ENETUNREACH)
	}
	return nil
}

// broadcast reports whether an address means all hosts of one of the stack's
// networks: the last address of an IPv4 network of more than two (RFC 919, RFC
// 3021).
func (s *Stack) broadcast(a netip.Addr) bool {
	return slices.ContainsFunc(s.networks, func(p netip.Prefix) bool {
		return a.Is4() && p.Bits() < 31 && p.Contains(a) && !p.Contains(a.Next())
	})
}

func (s *Stack) addrs(ctx context.Context, network, host string) ([]netip.Addr, error) {
	family := "ip" + strings.TrimLeft(network, "tcpud")
	if a, err := netip.ParseAddr(host); err == nil {
		if !inFamily(family, a) {
			return nil, &net.AddrError{Err: "address of the wrong family for " + network, Addr: host}
		}
		return []netip.Addr{a.WithZone("")}, nil
	}
	addrs, err := s.lookup(ctx, family, host)
	if err != nil {
		return nil, err
	}
	addrs = slices.DeleteFunc(addrs, func(a netip.Addr) bool { return !s.hasFamily(a.Unmap()) })
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s has no IPv4 or IPv6 address that this tunnel can reach", host)
	}
	return addrs, nil
}

func inFamily(family string, a netip.Addr) bool {
	return family == "ip" || (family == "ip4") == a.Unmap().Is4()
}

// errMemory is the error when this process's connections have all the memory they
// may take.
var errMemory = fmt.Errorf("too many connections for the memory that they may take: %w", syscall.ENOBUFS)

func (s *Stack) dialTCP(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	account := openAccount(s.own, netip.Addr{}, connCost)
	if account == nil {
		return nil, errMemory
	}
	conn, err := s.dialEndpoint(ctx, to, account)
	if err != nil {
		account.close()
		return nil, err
	}
	return conn, nil
}

func (s *Stack) dialEndpoint(ctx context.Context, to netip.AddrPort, a *account) (net.Conn, error) {
	wq := new(waiter.Queue)
	ep, terr := s.ip.NewEndpoint(tcp.ProtocolNumber, protocolOf(to.Addr()), wq)
	if terr != nil {
		return nil, asError(terr)
	}
	entry, connected := waiter.NewChannelEntry(waiter.WritableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	if err := s.connect(ctx, ep, to, connected); err != nil {
		ep.Close()
		return nil, err
	}
	return newConn(wq, ep, a), nil
}

func (s *Stack) connect(ctx context.Context, ep tcpip.Endpoint, to netip.AddrPort, connected <-chan struct{}) error {
	if s.closed.Load() {
		return net.ErrClosed
	}
	err := ep.Connect(fullAddress(to))
	if _, started := err.(*tcpip.ErrConnectStarted); !started {
		return asError(err)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-connected:
		return asError(ep.LastError())
	}
}

func (s *Stack) dialUDP(_ context.Context, to netip.AddrPort) (net.Conn, error) {
	if s.closed.Load() {
		return nil, net.ErrClosed
	}
	wq := new(waiter.Queue)
	ep, err := s.ip.NewEndpoint(udp.ProtocolNumber, protocolOf(to.Addr()), wq)
	if err != nil {
		return nil, asError(err)
	}
	if err := ep.Connect(fullAddress(to)); err != nil {
		ep.Close()
		return nil, asError(err)
	}
	return gonet.NewUDPConn(wq, ep), nil
}

// textAddr is an address as the caller wrote it.
type textAddr struct{ network, address string }

func (a textAddr) Network() string { return a.network }
func (a textAddr) String() string  { return a.address }
