package p2p

import (
	"context"
	"fmt"
	"net/netip"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// Listener is a socket for connections. *link.TCPListener is one.
type Listener interface {
	link.Listener
	LocalAddr() netip.AddrPort
	Close() error
}

// sockets are what the other host can come to, and what datagrams go out by.
type sockets struct {
	datagrams link.Link // nil where none go without a proxy
	listener  Listener  // nil where the other host does not call over TCP
	streams   link.Acceptor
}

// open opens them as c says.
func (s *sockets) open(ctx context.Context, c *config.Config, o Options) (err error) {
	with := profile.LinkOptions(c)
	if with.Addr, err = listenAddr(ctx, c); err != nil {
		return err
	}
	if c.AwaitsTCP() {
		s.listener, err = o.ListenTCP(with)
		return err
	}
	if !usesSocket(c) {
		return nil
	}
	with.Refusals = true
	s.datagrams, err = o.Listen(with)
	return err
}

// usesSocket reports whether datagrams go without a proxy.
func usesSocket(c *config.Config) bool {
	for _, r := range c.Link.Remotes {
		t := reach.Target{Remote: r, Settings: c}
		if r.Settings != nil {
			t.Settings = r.Settings
		}
		if shares(t) {
			return true
		}
	}
	return len(c.Link.Remotes) == 0
}

// shares reports whether the one socket for datagrams leads to a target.
func shares(t reach.Target) bool {
	return !t.Remote.Proto.TCP && t.Settings.Link.SOCKSProxy == nil
}

// listenAddr is what `local`, `lport`, `nobind` and `proto` say.
func listenAddr(ctx context.Context, c *config.Config) (netip.AddrPort, error) {
	port := uint16(c.Link.LocalPort)
	proto := c.Link.Proto
	if len(c.Link.Remotes) > 0 && c.AwaitsTCP() {
		proto = c.Link.Remotes[0].Proto
	}
	switch {
	case c.Link.Local != "":
		addr, err := profile.LocalAddr(ctx, proto.Network(), c.Link.Local)
		if err != nil {
			return netip.AddrPort{}, err
		}
		if addr, err = profile.Scoped(c.Link, addr.Unmap()); err != nil {
			return netip.AddrPort{}, fmt.Errorf("local: %w", err)
		}
		return netip.AddrPortFrom(addr, port), nil
	case proto.Family == 4:
		return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
	}
	return netip.AddrPortFrom(netip.Addr{}, port), nil
}

// addr is the address that the other host can come to; not valid where there is
// none.
func (s *sockets) addr() netip.AddrPort {
	switch {
	case s.listener != nil:
		return s.listener.LocalAddr()
	case s.datagrams != nil:
		return s.datagrams.LocalAddr()
	}
	return netip.AddrPort{}
}

// local is addr where the configuration names an address (local).
func (s *sockets) local(c *config.Config) netip.AddrPort {
	if c.Link.Local == "" {
		return netip.AddrPort{}
	}
	return s.addr()
}

func (s *sockets) close() {
	if s.listener != nil {
		s.listener.Close()
	}
	if s.datagrams != nil {
		s.datagrams.Close()
	}
	s.streams.Close()
}
