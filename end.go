package culvert

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"culvert/nic/userstack"
)

// end is one end of a tunnel at work.
type end struct {
	role role
	stop context.CancelCauseFunc
	done chan struct{}
	err  *error // why it ended; set before done is closed
}

// start runs a role until Close, or until it ends by itself.
func start(ctx context.Context, r role) end {
	ctx, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	e := end{role: r, stop: stop, done: make(chan struct{}), err: new(error)}
	go func() {
		defer close(e.done)
		err := r.Run(ctx)
		switch {
		case ctx.Err() != nil:
			err = errors.Join(context.Cause(ctx), err)
		case err == nil:
			err = ErrEnded
		}
		*e.err = err
	}()
	return e
}

// await returns nil when the end is ready, and otherwise why it will not be.
func (e *end) await(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-e.done:
		return e.Err()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Done is closed when the end is gone: after Close, or when it cannot go on.
func (e *end) Done() <-chan struct{} { return e.done }

// Err returns why Done is closed, and nil before that: net.ErrClosed after Close,
// ErrEnded, a *RefusedError, or another error that trying again would not mend.
func (e *end) Err() error {
	select {
	case <-e.done:
		return *e.err
	default:
		return nil
	}
}

// Close tells the other side, and ends the tunnel with all its connections and
// listeners. It returns when all is closed. The error is always nil.
func (e *end) Close() error {
	e.stop(net.ErrClosed)
	<-e.done
	return nil
}

// stack returns the TCP/IP stack inside the tunnel.
func (e *end) stack() (*userstack.Stack, error) {
	if err := e.Err(); err != nil {
		return nil, err
	}
	if a := e.role.Adapter(); a != nil {
		return a.Stack, nil
	}
	return nil, ErrNotConnected
}

// DialContext connects to an address inside the tunnel or behind it, as
// net.Dialer does on a host. The network is tcp, tcp4, tcp6, udp, udp4 or udp6.
// Names are resolved as LookupNetIP does. It suits http.Transport and whatever
// else takes a function of this shape.
func (e *end) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	s, err := e.stack()
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return s.DialContext(ctx, network, address)
}

// Listen accepts connections from inside the tunnel, as net.Listen does on a
// host. The network is tcp, tcp4 or tcp6. The host in address is one of
// Addresses, or empty for the first one of the network's family.
//
// A listener of a client lasts as long as its address: it fails with
// net.ErrClosed when the server leases the client another one.
func (e *end) Listen(network, address string) (net.Listener, error) {
	s, err := e.stack()
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return s.Listen(network, address)
}

// ListenPacket receives datagrams from inside the tunnel. The network is udp,
// udp4 or udp6; address is as with Listen.
func (e *end) ListenPacket(network, address string) (net.PacketConn, error) {
	s, err := e.stack()
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return s.ListenPacket(network, address)
}

// LookupNetIP resolves a name through the tunnel, by the DNS servers that the other
// side pushed. This host's own servers never see the name. The
// network is ip, ip4 or ip6.
func (e *end) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	s, err := e.stack()
	if err != nil {
		return nil, err
	}
	return s.LookupNetIP(ctx, network, host)
}

// Addresses returns this end's own addresses inside the tunnel, each with the prefix
// of its network. There are none while the tunnel is not up.
func (e *end) Addresses() []netip.Prefix {
	s, err := e.stack()
	if err != nil {
		return nil
	}
	return s.Addresses()
}
