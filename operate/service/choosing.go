package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"culvert/config"
	"culvert/host/splitdns"
	"culvert/nic/userstack"
	"culvert/nic/userstack/proxy"
)

// inTunnel is a tunnel in user space.
type inTunnel interface {
	proxy.Dialer
	// LookupNetIP resolves a name by the tunnel's name servers.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// chooser connects by the tunnel to what a configuration chooses (`route-only`,
// `route-except`), and as any program of this host does to all else. Names in domains that it
// names go by their domain; others by the networks that their addresses are in, each address
// by itself.
type chooser struct {
	tunnel inTunnel
	// host connects past the tunnel, and lookup resolves there.
	host   proxy.Dialer
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	choice atomic.Pointer[choice]
}

// choice is what goes into the tunnel.
type choice struct {
	only, except config.Choice
	names        func(name string) (tunnel, named bool)
}

// newChooser returns a chooser for a tunnel.
func newChooser(c *config.Config, tunnel inTunnel) *chooser {
	ch := &chooser{tunnel: tunnel, host: &net.Dialer{ControlContext: notHere}, lookup: net.DefaultResolver.LookupNetIP}
	ch.follow(c)
	return ch
}

// follow goes by another configuration.
func (c *chooser) follow(to *config.Config) {
	n := &choice{only: to.Routing.Only, except: to.Routing.Except}
	rules := splitdns.Rules{Tunnel: n.only.Domains, Host: n.except.Domains}
	if n.only.Empty() {
		rules.Tunnel = []string{"."}
	}
	n.names = rules.Decider()
	c.choice.Store(n)
}

// inside reports whether an address is reached through the tunnel.
func (n *choice) inside(a netip.Addr) bool {
	in := func(c config.Choice) bool {
		return slices.ContainsFunc(c.Networks, func(p netip.Prefix) bool { return p.Contains(a.Unmap().WithZone("")) })
	}
	return (n.only.Empty() || in(n.only)) && !in(n.except)
}

// networks reports whether the way to a name depends on its addresses.
func (n *choice) networks() bool {
	if n.only.Empty() {
		return len(n.except.Networks) > 0
	}
	return len(n.only.Networks) > 0
}

// notHere refuses connections to this host itself, as the tunnel does: a proxy may be reached
// from other hosts.
func notHere(_ context.Context, _, address string, _ syscall.RawConn) error {
	if a, err := netip.ParseAddrPort(address); err == nil && (a.Addr().Unmap().IsLoopback() || a.Addr().IsUnspecified()) {
		return fmt.Errorf("%v means the host that asks for it, and is not behind the proxy: %w", a.Addr(), syscall.EACCES)
	}
	return nil
}

// DialContext is a proxy.Dialer's.
func (c *chooser) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	now := c.choice.Load()
	if a, err := netip.ParseAddr(host); err == nil {
		return c.by(now.inside(a)).DialContext(ctx, network, address)
	}
	tunnel, named := now.names(host)
	switch {
	case named && tunnel:
		return c.inside(ctx, network, host, port)
	case named || !now.networks():
		return c.by(tunnel).DialContext(ctx, network, address)
	}
	lookup := c.lookup
	if tunnel {
		lookup = c.tunnel.LookupNetIP
	}
	addrs, err := lookup(ctx, family(network), host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return c.each(ctx, network, addrs, port, func(a netip.Addr) proxy.Dialer { return c.by(now.inside(a)) })
}

// by returns who connects to what is inside, or outside.
func (c *chooser) by(inside bool) proxy.Dialer {
	if inside {
		return c.tunnel
	}
	return c.host
}

// inside connects to a chosen name. If the server pushed no name server, this host's own
// say where that is.
func (c *chooser) inside(ctx context.Context, network, host, port string) (net.Conn, error) {
	conn, err := c.tunnel.DialContext(ctx, network, net.JoinHostPort(host, port))
	if !errors.Is(err, userstack.ErrNoDNS) {
		return conn, err
	}
	addrs, err := c.lookup(ctx, family(network), host)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return c.each(ctx, network, addrs, port, func(netip.Addr) proxy.Dialer { return c.tunnel })
}

// each tries the addresses of a name in turn.
func (c *chooser) each(ctx context.Context, network string, addrs []netip.Addr, port string, by func(netip.Addr) proxy.Dialer) (conn net.Conn, err error) {
	err = &net.OpError{Op: "dial", Net: network, Err: errors.New("the name has no address")}
	for i, a := range addrs {
		attempt, cancel := ctx, func() {}
		if i < len(addrs)-1 {
			attempt, cancel = context.WithTimeout(ctx, attemptTime)
		}
		to := net.JoinHostPort(a.Unmap().String(), port)
		var failed error
		conn, failed = by(a).DialContext(attempt, network, to)
		cancel()
		if failed == nil || ctx.Err() != nil {
			return conn, failed
		}
		if i == 0 {
			err = failed
		}
	}
	return nil, err
}

// attemptTime bounds one attempt to connect while a name has other addresses to try.
const attemptTime = userstack.AttemptTime

// family is ip, ip4 or ip6, as for a network such as tcp6.
func family(network string) string { return "ip" + strings.TrimLeft(network, "tcpud") }
