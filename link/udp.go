package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"syscall"

	"culvert/internal/sockerr"
)

var _ Link = (*UDP)(nil)

// Options say how to open a socket.
//
// A UDP socket is never connected. It takes datagrams from any address and sends
// each packet to its Path, so a peer may float to another address, and a client may
// follow a server or try several, with one socket. The reader must check where a
// datagram comes from, which authentication does anyway.
type Options struct {
	// Addr is the address to bind. An IPv4 address, 0.0.0.0 for all, takes only
	// IPv4; an IPv6 address, :: for all, takes only IPv6. An invalid address means
	// all addresses of both, or of IPv4 if the host has no IPv6. Port 0 lets the
	// system choose.
	Addr netip.AddrPort
	// ReceiveBuffer and SendBuffer are the socket's buffers in bytes. 0 asks for
	// DefaultBuffer, on UDP only; a negative number keeps the system's. The system
	// may silently give less, by its own limits.
	ReceiveBuffer, SendBuffer int
	// Mark is put on outgoing packets for the host's routing rules; 0 means none.
	// Linux only; it needs CAP_NET_ADMIN.
	Mark          uint32
	MarkIfAllowed bool // go without Mark if this process may not set one
	// MTUDiscovery says whether outer packets may be cut on their way. Linux only,
	// except SystemMTU.
	MTUDiscovery MTUDiscovery
	// Device, if not "", is the only network adapter to use. Linux only.
	Device string
	// Refusals makes ReadBatch and WriteBatch return an error when the network
	// reports a datagram as undeliverable (ICMP), such as one that wraps
	// syscall.ECONNREFUSED if no server is at the port. Such errors are hints,
	// since anyone can forge them. Refusals is for clients; a server would get a
	// report for every client that vanished. UDP on Linux only; elsewhere the
	// system decides.
	Refusals bool
	// Queues is how many sockets share the address (Queued); 0 means one. UDP on
	// Linux only.
	Queues int

	share bool // the port, with our own sockets
}

// MTUDiscovery says what a socket does about packets larger than the path carries
// (Linux: IP_MTU_DISCOVER of ip(7), IPV6_MTU_DISCOVER of ipv6(7)).
type MTUDiscovery int

// The choices.
const (
	// SystemMTU: on Linux, datagrams may be cut, as with CutAlways, and connections
	// follow the system's settings; elsewhere both follow the system's settings. By
	// itself Linux forbids cutting for a single datagram and allows it for runs, so
	// that a path would carry one and lose the other.
	SystemMTU MTUDiscovery = iota
	CutAlways              // never forbid routers to cut packets
	CutHere                // forbid it, and cut what is known to be too large before it is sent
	CutNever               // forbid it, and refuse what is known to be too large (EMSGSIZE)
)

// Enlarge asks a process that may exceed the host's limit for socket buffers to do
// so for this socket; nil means that there is no such process. Set it before a
// socket is opened. Linux only.
var Enlarge func(socket int, receive bool, size int) error

// DefaultBuffer is the size in bytes to ask for as a socket's buffers. It holds
// what arrives at 10 Gbit/s in three milliseconds.
const DefaultBuffer = 4 << 20

var errClosed = fmt.Errorf("link: the socket is closed: %w", fs.ErrClosed)

// ListenUDP opens a socket. The error wraps the system's, such as
// syscall.EADDRINUSE, and says what to do.
func ListenUDP(o Options) (*UDP, error) {
	conn, err := o.listen()
	if err != nil {
		return nil, err
	}
	u, err := newUDP(conn, o)
	if err != nil {
		conn.Close()
		return nil, err
	}
	if err := u.addQueues(o); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// ListenSmall opens a socket that holds next to no memory and carries one datagram
// per call, for a process that has thousands of them. Errors are like ListenUDP's.
func ListenSmall(o Options) (Link, error) {
	conn, err := o.listen()
	if err != nil {
		return nil, err
	}
	return newPortable(conn, o), nil
}

func (o *Options) listen() (*net.UDPConn, error) {
	network, addr := o.network()
	config := net.ListenConfig{Control: o.control}
	conn, err := config.ListenPacket(context.Background(), network, addr)
	if err != nil {
		return nil, listenError("UDP", addr, err)
	}
	return conn.(*net.UDPConn), nil
}

// network returns what to ask package net for.
func (o *Options) network() (network, addr string) {
	switch a := o.Addr.Addr(); {
	case !a.IsValid():
		return "udp", fmt.Sprintf(":%d", o.Addr.Port())
	case a.Unmap().Is4():
		return "udp4", netip.AddrPortFrom(a.Unmap(), o.Addr.Port()).String()
	}
	return "udp6", o.Addr.String()
}

// listenError adds what to do.
func listenError(kind, addr string, err error) error {
	mend := ""
	err = sockerr.Named(err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		mend = "another process has the port: stop it or choose another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		mend = "no adapter of this host has that address: correct or leave out the address to listen on"
	case errors.Is(err, syscall.EACCES):
		mend = "ports below 1024 need root or CAP_NET_BIND_SERVICE: choose one above"
	default:
		return fmt.Errorf("link: listen on %s %s: %w", kind, addr, err)
	}
	return fmt.Errorf("link: listen on %s %s: %s (%w)", kind, addr, mend, err)
}

// bufferSize returns the size to ask for, or 0 to keep the system's.
func bufferSize(option int) int {
	switch {
	case option == 0:
		return DefaultBuffer
	case option < 0:
		return 0
	}
	return option
}

// localAddr returns the address that conn is bound to.
func localAddr(conn *net.UDPConn) netip.AddrPort {
	return unmap(conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
