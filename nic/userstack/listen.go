package userstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

// Addresses returns the stack's own addresses, each with the prefix of its network,
// in the order of Options.
func (s *Stack) Addresses() []netip.Prefix { return slices.Clone(s.networks) }

// LookupNetIP resolves a name as DialContext does. The network is ip, ip4 or
// ip6. Errors are ErrNoDNS, a *net.DNSError or ctx's.
func (s *Stack) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return s.lookup(ctx, network, host)
}

// Listen accepts connections to an address of the stack. The network is tcp, tcp4
// or tcp6; address is host:port, where host is an IP address of the stack. An empty
// host means the first address of the network's family. Unlike net.Listen's, a
// listener here never takes connections to other hosts, which Forward passes on.
// Port 0 means any free one. Errors are *net.OpError.
func (s *Stack) Listen(network, address string) (net.Listener, error) {
	at, err := s.ownAddress("tcp", network, address)
	if err == nil {
		var l net.Listener
		if l, err = s.ListenTCP(at); err == nil {
			return l, nil
		}
	}
	return nil, listenError(network, address, err)
}

// ListenPacket receives datagrams to an address of the stack. The network is
// udp, udp4 or udp6; address is as with Listen.
func (s *Stack) ListenPacket(network, address string) (net.PacketConn, error) {
	at, err := s.ownAddress("udp", network, address)
	if err == nil {
		var c net.PacketConn
		if c, err = s.ListenUDP(at); err == nil {
			return c, nil
		}
	}
	return nil, listenError(network, address, err)
}

var portInUse = (&tcpip.ErrPortInUse{}).String()

func listenError(network, address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if err.Error() == portInUse { // gonet's error has only this text
		err = syscall.EADDRINUSE
	}
	return &net.OpError{Op: "listen", Net: network, Addr: textAddr{network, address}, Err: err}
}

// ownAddress returns the address to listen on.
func (s *Stack) ownAddress(protocol, network, address string) (netip.AddrPort, error) {
	family, ok := strings.CutPrefix(network, protocol)
	if !ok || !slices.Contains([]string{"", "4", "6"}, family) {
		return netip.AddrPort{}, net.UnknownNetworkError(network)
	}
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := net.LookupPort(network, portText)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, own := range s.addresses {
		if inFamily("ip"+family, own) && (host == "" || host == own.String()) {
			return netip.AddrPortFrom(own, uint16(port)), nil
		}
	}
	if host == "" {
		return netip.AddrPort{}, fmt.Errorf("the tunnel has no address of this family: %w", syscall.EADDRNOTAVAIL)
	}
	return netip.AddrPort{}, fmt.Errorf("%s is none of the tunnel's addresses, which are %v: %w", host, s.addresses, syscall.EADDRNOTAVAIL)
}

// ListenTCP accepts connections to an address of the stack. An unspecified
// address means all of its family.
func (s *Stack) ListenTCP(at netip.AddrPort) (net.Listener, error) {
	if s.closed.Load() {
		return nil, fmt.Errorf("userstack: listen %v: %w", at, net.ErrClosed)
	}
	return gonet.ListenTCP(s.ip, fullAddress(at), protocolOf(at.Addr().Unmap()))
}

// ListenUDP receives datagrams to an address of the stack. An unspecified
// address means all of its family.
func (s *Stack) ListenUDP(at netip.AddrPort) (net.PacketConn, error) {
	if s.closed.Load() {
		return nil, fmt.Errorf("userstack: listen %v: %w", at, net.ErrClosed)
	}
	local := fullAddress(at)
	return gonet.DialUDP(s.ip, &local, nil, protocolOf(at.Addr().Unmap()))
}
