package splitdns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Sockets are where a Server listens.
type Sockets struct {
	UDP  *net.UDPConn
	TCP  *net.TCPListener
	Addr netip.AddrPort
}

// Close closes them.
func (s Sockets) Close() error {
	if s.UDP == nil {
		return nil
	}
	return errors.Join(s.UDP.Close(), s.TCP.Close())
}

// The loopback addresses to listen at are 127.94.0.1 and those after it, which nobody else
// is known to use; each process takes the first that is free.
const processes = 8

func local(n int) netip.Addr { return netip.AddrFrom4([4]byte{127, 94, 0, byte(1 + n)}) }

// IsLocal reports whether an address is one of those.
func IsLocal(a netip.Addr) bool {
	for n := range processes {
		if a == local(n) {
			return true
		}
	}
	return false
}

// Port is that of DNS.
const Port = 53

// Listen opens sockets on loopback, at port 53 if this process has a right to it and it is
// free at one of the addresses. Else they have another port, which not every resolver can be
// pointed at, and no53 says why.
func Listen() (s Sockets, no53, err error) {
	for n := range processes {
		if s, no53 = listen(netip.AddrPortFrom(local(n), Port)); no53 == nil {
			return s, nil, nil
		}
		if !taken(no53) {
			break
		}
	}
	if taken(no53) {
		no53 = fmt.Errorf("port 53 is taken on all of loopback: another resolver listens at every address; "+
			"have it listen at its own only (dnsmasq: bind-interfaces, unbound: interface: ADDRESS): %w", no53)
	}
	for range processes {
		if s, err = listen(netip.AddrPortFrom(local(0), 0)); err == nil {
			return s, no53, nil
		}
	}
	return Sockets{}, no53, err
}

// listen opens both sockets at one address. Port 0 is any that is free for UDP.
func listen(at netip.AddrPort) (s Sockets, err error) {
	if s.UDP, err = listenUDP(at); err != nil {
		return Sockets{}, err
	}
	s.Addr = s.UDP.LocalAddr().(*net.UDPAddr).AddrPort()
	if s.TCP, err = listenTCP(s.Addr); err != nil {
		s.UDP.Close()
		return Sockets{}, err
	}
	return s, nil
}
