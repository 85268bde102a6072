package server

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
)

// sockets are what a server listens on.
type sockets struct {
	links     []link.Link // UDP
	listeners []*link.TCPListener
}

// listen opens the sockets, all or none.
func (s *Server) listen(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			s.sockets.close()
		}
	}()
	for _, at := range s.cfg.Listens() {
		addr, err := listenAddr(ctx, s.cfg, at)
		if err != nil {
			return err
		}
		o := profile.LinkOptions(s.cfg)
		o.Addr = addr
		if at.Proto.TCP {
			l, err := link.ListenTCP(o)
			if err != nil {
				return err
			}
			s.listeners = append(s.listeners, l)
			continue
		}
		l, err := s.opts.Listen(o)
		if err != nil {
			return err
		}
		s.links = append(s.links, l)
	}
	return nil
}

// listenAddr is the address of a socket: not valid for all addresses of both
// kinds.
func listenAddr(ctx context.Context, c *config.Config, at config.Listen) (netip.AddrPort, error) {
	port := uint16(at.Port)
	switch {
	case at.Host != "":
		addrs, err := profile.SystemResolver(ctx, at.Proto.Network(), at.Host)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%v: local %s: %w", at.Pos, at.Host, err)
		}
		addr, err := profile.Scoped(c, addrs[0].Unmap())
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

// ipv6Only tells whether a socket for all IPv6 addresses takes IPv6 alone: as
// `bind ipv6only` says, and where another has IPv4 on the same port. Otherwise
// it takes both, as OpenVPN's do.
func ipv6Only(c *config.Config, at config.Listen) bool {
	return c.Link.BindIPv6Only || slices.ContainsFunc(c.Listens(), func(l config.Listen) bool {
		a, err := netip.ParseAddr(l.Host)
		ipv4 := l.Host == "" && l.Proto.Family == 4 || err == nil && a.Is4()
		return ipv4 && l.Port == at.Port && l.Proto.TCP == at.Proto.TCP
	})
}

// serve starts what takes packets from the sockets. Each goroutine ends with
// its socket and reports why.
func (s *Server) serve(ctx context.Context, failed chan<- error) {
	for _, l := range s.links {
		go func() { failed <- s.road.Inbound(ctx, l) }()
	}
	for _, l := range s.listeners {
		serve := func(c *link.Stream) { s.serveStream(ctx, &stream{Stream: c}) }
		go func() { failed <- s.streams.Serve(l, serve) }()
	}
}

// addrs are the sockets' addresses, UDP first, each with its protocol.
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
