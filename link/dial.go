package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"culvert/internal/sockerr"
)

// control sets a socket's options before it is bound.
func (o *Options) control(_, _ string, raw syscall.RawConn) error {
	var err error
	if e := raw.Control(func(fd uintptr) { err = o.before(fd) }); e != nil {
		return e
	}
	return err
}

// Dialer returns a dialer with the mark and device of the options. It is for
// connections that belong to a link but are not one, such as resolving its remote's
// name.
func (o Options) Dialer() *net.Dialer { return &net.Dialer{Control: o.control} }

// DialTCP connects to remote. Options.Addr is our end; its port 0 means any. The
// error says what to do, if there is something.
func DialTCP(ctx context.Context, o Options, remote netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Control: o.control}
	if o.Addr.Port() != 0 || o.Addr.Addr().IsValid() && !o.Addr.Addr().IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(o.Addr)
		d.Control = o.reusing
	}
	conn, err := d.DialContext(ctx, "tcp", remote.String())
	if err != nil {
		return nil, dialError(remote, err)
	}
	o.setStreamBuffers(conn.(*net.TCPConn))
	return conn, nil
}

// reusing is control for a socket with a fixed port, which the system would
// otherwise block for a minute after the previous connection.
func (o *Options) reusing(network, addr string, raw syscall.RawConn) error {
	if err := raw.Control(reuseAddress); err != nil {
		return err
	}
	return o.control(network, addr, raw)
}

// setStreamBuffers sets the buffers that were asked for. Otherwise the system
// adapts a stream's buffers to the path.
func (o *Options) setStreamBuffers(conn *net.TCPConn) {
	// It is no error if the system's limits are lower.
	if o.ReceiveBuffer > 0 {
		_ = conn.SetReadBuffer(o.ReceiveBuffer)
	}
	if o.SendBuffer > 0 {
		_ = conn.SetWriteBuffer(o.SendBuffer)
	}
}

func dialError(remote netip.AddrPort, err error) error {
	err = sockerr.Named(err)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("link: %v refuses TCP connections: nothing listens there, or it listens on UDP only (%w)", remote, err)
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("link: connect to %v: the local address or port cannot be used: correct local, lport or bind, or leave them out (%w)", remote, err)
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.ENETDOWN):
		return &NoRouteError{To: remote.Addr(), Err: rootCause(err)}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("link: %v does not answer over TCP: check host and port, and that no firewall drops it (%w)", remote, err)
	}
	return fmt.Errorf("link: connect to %v over TCP: %w", remote, err)
}

// TCPListener accepts connections.
type TCPListener struct {
	listener *net.TCPListener
	options  Options
}

// ListenTCP opens a socket to accept connections; see Options.Addr. Errors are like
// ListenUDP's.
func ListenTCP(o Options) (*TCPListener, error) {
	network, addr := o.network()
	network = "tcp" + network[len("udp"):]
	config := net.ListenConfig{Control: o.control}
	l, err := config.Listen(context.Background(), network, addr)
	if err != nil {
		return nil, listenError("TCP", addr, err)
	}
	return &TCPListener{l.(*net.TCPListener), o}, nil
}

// Accept waits for a connection. An error that wraps fs.ErrClosed is final. Any
// other means that the system ran short of something, and passes.
func (l *TCPListener) Accept() (net.Conn, error) {
	conn, err := l.listener.AcceptTCP()
	switch {
	case errors.Is(err, net.ErrClosed):
		return nil, errClosed
	case err != nil:
		return nil, fmt.Errorf("link: accept a connection: %w", err)
	}
	l.options.setStreamBuffers(conn)
	return conn, nil
}

// LocalAddr is the address the socket is bound to.
func (l *TCPListener) LocalAddr() netip.AddrPort { return tcpAddr(l.listener.Addr()) }

// Close ends a pending Accept. Connections stay open.
func (l *TCPListener) Close() error { return l.listener.Close() }
