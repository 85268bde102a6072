//go:build !linux

package splitdns

import (
	"errors"
	"net"
	"net/netip"
)

var errLinux = errors.New("it does so on Linux only")

func taken(error) bool { return false }

func listenUDP(netip.AddrPort) (*net.UDPConn, error) { return nil, errLinux }

func listenTCP(netip.AddrPort) (*net.TCPListener, error) { return nil, errLinux }
