package splitdns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Bind binds a socket to Port at an address for which IsLocal is true, where this process has
// no right to; nil: nobody does.
var Bind func(socket int, to netip.Addr) error

// backlog is how many connections may wait to be taken.
const backlog = maxStreams

func taken(err error) bool { return errors.Is(err, unix.EADDRINUSE) }

func listenUDP(at netip.AddrPort) (*net.UDPConn, error) {
	file, err := bound(unix.SOCK_DGRAM, at)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

func listenTCP(at netip.AddrPort) (*net.TCPListener, error) {
	file, err := bound(unix.SOCK_STREAM, at)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := unix.Listen(int(file.Fd()), backlog); err != nil {
		return nil, fmt.Errorf("listen at %v: %w", at, err)
	}
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// bound returns a socket bound to an address.
func bound(kind int, at netip.AddrPort) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "resolver")
	if kind == unix.SOCK_STREAM { // else the port is blocked for a minute after the last connection
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	}
	if Bind != nil && at.Port() == Port && (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)) {
		err = Bind(fd, at.Addr())
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("bind to %v: %w%s", at, err, rights(err))
	}
	return file, nil
}

// rights says which right is missing.
func rights(err error) string {
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return " (the capability NET_BIND_SERVICE is needed)"
	}
	return ""
}
