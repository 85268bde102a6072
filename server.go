package culvert

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/nic/userstack"
	"culvert/role/profile"
	"culvert/role/server"
)

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
