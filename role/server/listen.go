package server

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
	"culvert/tunnel"
)

// sockets are what a server listens on, and what receives packets from them.
type sockets struct {
	road      *tunnel.Road
	strangers *strangers
	report    func(Event)
	share     *share // nil: no port-share
	acceptor  link.Acceptor

	links     []link.Link // UDP
	listeners []*link.TCPListener
}

// open opens the sockets of a configuration, all or none. udp opens a socket for UDP.
func (s *sockets) open(ctx context.Context, c *config.Config, udp func(link.Options) (link.Link, error)) (err error) {
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, at := range c.Listens() {
		addr, err := listenAddr(ctx, c, at)
		if err != nil {
			return err
		}
		o := profile.LinkOptions(c)
		o.Addr = addr
		if at.Proto.TCP {
			l, err := link.ListenTCP(o)
			if err != nil {
				return err
			}
			s.listeners = append(s.listeners, l)
			continue
		}
		l, err := udp(o)
		if err != nil {
			return err
		}
		s.links = append(s.links, l)
	}
	return nil
}

// local returns the address of the first socket, where the configuration names one; else
// it is not valid.
func (s *sockets) local(c *config.Config) netip.AddrPort {
	first := c.Listens()[0]
	switch {
	case first.Host == "":
	case first.Proto.TCP && len(s.listeners) > 0:
		return s.listeners[0].LocalAddr()
	case !first.Proto.TCP && len(s.links) > 0:
		return s.links[0].LocalAddr()
	}
	return netip.AddrPort{}
}

// listenAddr returns the address of a socket; not valid: all addresses of both
// families.
func listenAddr(ctx context.Context, c *config.Config, at config.Listen) (netip.AddrPort, error) {
	port := uint16(at.Port)
	switch {
	case at.Host != "":
		addrs, err := profile.SystemResolver(ctx, at.Proto.Network(), at.Host)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%v: local %s: %w", at.Pos, at.Host, err)
		}
		addr, err := profile.Scoped(c.Link, addrs[0].Unmap())
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%v: local: %w", at.Pos, err)
		}
		return netip.AddrPortFrom(addr, port), nil
	case at.Proto.Family == 4:
		return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
	case at.Proto.Family == 6 && ipv6Only(c, at):
		return netip.AddrPortFrom(netip.IPv6Unspecified(), port), nil
	}
	return netip.AddrPortFrom(netip.Addr{}, port), nil
}

// ipv6Only reports whether a socket for all IPv6 addresses accepts only IPv6: with
// `bind ipv6only`, and if another socket has IPv4 on the same port. Otherwise it
// accepts both, as OpenVPN's do.
func ipv6Only(c *config.Config, at config.Listen) bool {
	return c.Link.BindIPv6Only || slices.ContainsFunc(c.Listens(), func(l config.Listen) bool {
		a, err := netip.ParseAddr(l.Host)
		ipv4 := l.Host == "" && l.Proto.Family == 4 || err == nil && a.Is4()
		return ipv4 && l.Port == at.Port && l.Proto.TCP == at.Proto.TCP
	})
}

// serve starts the goroutines that receive packets. Each ends with its socket and
// reports why.
func (s *sockets) serve(ctx context.Context, failed chan<- error) {
	for _, l := range s.links {
		go func() { failed <- s.road.Inbound(ctx, l) }()
	}
	for _, l := range s.listeners {
		serve := func(c *link.Stream) { s.serveStream(ctx, &stream{Stream: c}) }
		go func() { failed <- s.acceptor.Serve(l, serve) }()
	}
}

// serveStream receives the packets of a connection, on a goroutine of its own.
func (s *sockets) serveStream(ctx context.Context, c *stream) {
	if s.share != nil && c.isForeign(s.road.PacketSize) {
		c.Prove() // from here on share limits it
		s.share.serve(ctx, c)
		return
	}
	err := s.road.Inbound(ctx, c)
	if cl := c.client.Load(); cl != nil {
		cl.visit.End()
		cl.Do(func(time.Time) { cl.Session.LinkClosed(err) })
		return
	}
	s.road.Counters.Add(tunnel.UnknownPeer)
	if from := c.RemoteAddr(); ctx.Err() == nil && s.strangers.allow(time.Now(), from.Addr()) {
		s.report(Silent{From: from, Err: err})
	}
}

// first returns the address of the first socket, UDP first.
func (s *sockets) first() netip.AddrPort {
	if len(s.links) > 0 {
		return s.links[0].LocalAddr()
	}
	return s.listeners[0].LocalAddr()
}

// addrs returns the sockets' addresses, UDP first, each with its protocol.
func (s *sockets) addrs() (text []string) {
	for _, l := range s.links {
		text = append(text, "udp "+l.LocalAddr().String())
	}
	for _, l := range s.listeners {
		text = append(text, "tcp "+l.LocalAddr().String())
	}
	return text
}

func (s *sockets) close() {
	for _, l := range s.links {
		l.Close()
	}
	for _, l := range s.listeners {
		l.Close()
	}
}
