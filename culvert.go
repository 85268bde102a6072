// Package culvert puts one end of a VPN tunnel into a Go program: a client of
// any OpenVPN server ([Dial]), or a server for Culvert's and OpenVPN's clients
// ([Listen]).
//
// All of it is in user space. It needs no device and no root, and leaves this
// host's routes, names and other programs alone. Only the program itself uses the
// tunnel, by connections of package net.
//
//	t, err := culvert.Dial(ctx, profile, nil)
//	if err != nil { ... }
//	defer t.Close()
//	web := &http.Client{Transport: &http.Transport{DialContext: t.DialContext}}
//
// The package does not trust a configuration: it runs no program for it, and reads
// and writes no file, unless [Options] allows that. What concerns a whole process is
// left to the culvert command: devices, routes, users, daemons, and the log file.
//
// # Using the package
//
// Until the repository has a public address, keep a copy of it beside your module,
// put two lines into go.mod, and then run `go mod tidy`:
//
//	require culvert v0.0.0
//	replace culvert => ../culvert
//
// Some old authorities issued certificates with negative serial numbers. To accept
// them, as the culvert command does, add to go.mod: godebug x509negativeserial=1
package culvert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/nic/userstack"
	"culvert/role/client"
	"culvert/role/event"
	"culvert/role/p2p"
	"culvert/role/profile"
	"culvert/role/server"
	"culvert/session"
)

// Errors of this package, beside those of package net and of the contexts that
// it is given.
var (
	// ErrNotConnected says that the tunnel is not up now. A Tunnel connects
	// again by itself.
	ErrNotConnected = bringup.ErrNotConnected
	// ErrNobody is wrapped where the user is to be asked and Options.Ask is nil.
	ErrNobody = profile.ErrNobody
	// ErrNoDNS says that a name was to be resolved and the other side pushed no
	// DNS server.
	ErrNoDNS = userstack.ErrNoDNS
	// ErrEnded is the end of a tunnel whose configuration asks for it
	// (`inactive`, `ping-exit`).
	ErrEnded = errors.New("the tunnel ended, as its configuration asks")
)

type (
	// ConfigError is what is wrong with a configuration, each fault with its line.
	ConfigError = config.FaultsError
	// RefusedError is a server's refusal to let a client in, such as for its
	// password (AUTH_FAILED).
	RefusedError = session.AuthFailedError
)

// Tunnel is a client's end of a tunnel. Its methods are safe for concurrent use.
type Tunnel struct{ end }

// Dial connects with a profile: a client's, or one of two paired hosts'. It returns
// when the tunnel is up. ctx bounds how long that may take; after that it has no
// effect, and the tunnel lives until Close. When the connection is lost, the Tunnel
// connects again, and what is dialled meanwhile waits for it.
//
// options may be nil. The error is a *ConfigError, a *RefusedError, ErrNotAllowed,
// ErrNobody, or the cause of ctx's end together with why the last try failed.
func Dial(ctx context.Context, text []byte, options *Options) (*Tunnel, error) {
	o := options.complete()
	c, err := o.parse("profile", text)
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	if c.Mode == config.ModeServer {
		return nil, errors.New("culvert: this is a server's configuration: use Listen, or dial with a client's profile")
	}
	t, err := dial(ctx, c, o)
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	return t, nil
}

func dial(ctx context.Context, c *config.Config, o Options) (*Tunnel, error) {
	w := watcher{up: make(chan struct{}), to: o.Events}
	r, err := newRole(c, o, w.event)
	if err != nil {
		return nil, err
	}
	t := &Tunnel{start(ctx, r)}
	if err := t.await(ctx, w.up); err != nil {
		t.Close()
		return nil, w.because(err)
	}
	return t, nil
}

// newRole makes a client, or one of two paired hosts.
func newRole(c *config.Config, o Options, events func(event.Event)) (role, error) {
	open := bringup.UserSpace(nil)
	if !c.Pull {
		return p2p.New(c, p2p.Options{Log: o.Log, Open: open, Ask: o.Ask, Events: events})
	}
	return client.New(c, client.Options{Log: o.Log, Open: open, Ask: o.Ask, Network: hostnet.Network{}, Events: events})
}

// watcher notes when the tunnel is up, and until then, why it is not.
type watcher struct {
	to   func(event.Event) // is called for each event, too; may be nil
	up   chan struct{}     // closed once it is
	once sync.Once
	last atomic.Pointer[error] // why the last try failed
}

func (w *watcher) event(e event.Event) {
	switch e := e.(type) {
	case event.Up:
		w.once.Do(func() { close(w.up) })
	case event.Failed:
		w.last.Store(&e.Err)
	case event.Reconnecting:
		if e.Err != nil {
			w.last.Store(&e.Err)
		}
	}
	if w.to != nil {
		w.to(e)
	}
}

// because adds why the last try failed to what ended the tries, if that does not
// say it.
func (w *watcher) because(err error) error {
	last := w.last.Load()
	if last == nil || errors.Is(err, *last) {
		return err
	}
	return fmt.Errorf("%w; the last try: %w", err, *last)
}

// Server is a server's end of the tunnels to its clients. It serves them on its own
// addresses inside the tunnels ([Server.Listen]). Its methods are safe for
// concurrent use.
type Server struct {
	end
	server *server.Server
}

// Listen starts the server of a configuration, such as `culvert init` makes, and
// returns when clients can connect. ctx bounds how long that may take; after that
// it has no effect, and the server lives until Close.
//
// options may be nil. The error is a *ConfigError, ErrNotAllowed, ErrNobody, that of
// a socket that cannot be opened, or the cause of ctx's end.
func Listen(ctx context.Context, text []byte, options *Options) (*Server, error) {
	o := options.complete()
	c, err := o.parse("configuration", text)
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	if c.Mode != config.ModeServer {
		return nil, errors.New("culvert: this is no server's configuration, which has a `server` line; use Dial with a client's profile")
	}
	s, err := listen(ctx, c, o)
	if err != nil {
		return nil, fmt.Errorf("culvert: %w", err)
	}
	return s, nil
}

func listen(ctx context.Context, c *config.Config, o Options) (*Server, error) {
	var forward *userstack.ForwardOptions
	if o.Forward {
		forward = profile.UserSpaceForward(c.Server, o.Log)
	}
	ready := make(chan struct{})
	r, err := server.New(c, server.Options{Log: o.Log, Open: bringup.UserSpace(forward), Ask: o.Ask, Events: o.ServerEvents,
		Ready: func(*server.Server) { close(ready) }})
	if err != nil {
		return nil, err
	}
	s := &Server{start(ctx, r), r}
	if err := s.await(ctx, ready); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Addr returns the address that clients connect to: the first socket's, UDP before
// TCP.
func (s *Server) Addr() netip.AddrPort { return s.server.Addr() }

// Client is a client that is connected.
type Client struct {
	// Name is the common name in its certificate, or its user name if the
	// configuration says so. The server has checked it.
	Name string
	// Remote is where its packets come from.
	Remote netip.AddrPort
	// Addresses are the client's own inside the tunnel.
	Addresses []netip.Addr
	// Since is when it began to connect.
	Since time.Time
}

// Clients returns the clients that are connected, in the order they came.
func (s *Server) Clients() []Client {
	var list []Client
	for _, c := range s.server.Clients() {
		one := Client{Name: c.Name, Remote: c.Remote, Since: c.Since}
		for _, a := range []netip.Addr{c.IPv4, c.IPv6} {
			if a.IsValid() {
				one.Addresses = append(one.Addresses, a)
			}
		}
		list = append(list, one)
	}
	return list
}

// Client returns the client that has an address inside the tunnel now, such as a
// connection's RemoteAddr. No other client can send from that address.
func (s *Server) Client(at netip.Addr) (c Client, ok bool) {
	list := s.Clients()
	i := slices.IndexFunc(list, func(c Client) bool { return slices.Contains(c.Addresses, at.Unmap()) })
	if i < 0 {
		return Client{}, false
	}
	return list[i], true
}

// role is what runs an end.
type role interface {
	Run(context.Context) error
	Adapter() *bringup.Adapter // nil before it is up
}

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
