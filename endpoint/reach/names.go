package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"

	"culvert/config"
	"culvert/endpoint"
	"culvert/hostnet"
	"culvert/link"
)

// Tunnel is an adapter that is up and changes this host, as far as names go.
// *adapter.Adapter is one.
type Tunnel interface {
	// Resolvers are whom this host would ask for a name without the tunnel.
	Resolvers(ctx context.Context, name string) (hostnet.Resolvers, error)
	// Carries reports whether packets of this host to an address go into it.
	Carries(to netip.Addr) bool
	// Past calls do while packets to some addresses go past it.
	Past(ctx context.Context, to []netip.Addr, do func() error) error
}

// Names finds the addresses of what a tunnel is reached by. While one holds the
// host's names or routes, it asks past the tunnel, which may be dead for the
// very reason that the server has another address by now. So the network that
// this host is on hears the name, as it did before the tunnel; it hears no other
// name.
type Names struct {
	System endpoint.Resolver // without a tunnel
	// Tunnel is the one that is up, nil without one.
	Tunnel func() Tunnel
	// Options have the mark and the device of sockets for questions.
	Options link.Options
	Log     *slog.Logger
	// Dial connects to a name server; nil: by the system.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
}

// NewNames asks as c says of mark and device. system is the way to ask without a
// tunnel; nil: the system's resolver. tunnel is nil without one that changes this
// host.
func NewNames(c *config.Config, system endpoint.Resolver, tunnel func() Tunnel, log *slog.Logger) *Names {
	if system == nil {
		system = endpoint.SystemResolver
	}
	return &Names{System: system, Tunnel: tunnel, Options: link.Options{Mark: uint32(c.Mark), Device: c.BindDev}, Log: log}
}

// Lookup is an endpoint.Resolver.
func (n *Names) Lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	t := n.Tunnel()
	if _, err := netip.ParseAddr(host); err == nil || t == nil {
		return n.System(ctx, network, host)
	}
	if addrs := inFiles(ctx, network, host); len(addrs) > 0 {
		return addrs, nil
	}
	r, err := t.Resolvers(ctx, host)
	if err != nil {
		n.Log.Warn("names cannot be asked past the tunnel, so the system is asked, maybe through it", "name", host, "reason", err)
		return n.System(ctx, network, host)
	}
	carried := n.carried(t, r.Servers)
	switch {
	case len(r.Servers) == 0, !r.Changed && len(carried) == 0:
		return n.System(ctx, network, host)
	case len(carried) == 0:
		return n.ask(ctx, r, network, host)
	}
	var addrs []netip.Addr
	err = t.Past(ctx, carried, func() (err error) {
		addrs, err = n.ask(ctx, r, network, host)
		return err
	})
	return addrs, err
}

// inFiles are a host's addresses in this host's own file of hosts.
func inFiles(ctx context.Context, network, host string) []netip.Addr {
	files := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("only files are asked")
	}}
	addrs, _ := endpoint.Lookup(ctx, files, network, host)
	return addrs
}

// carried are the addresses of the servers that the tunnel would carry questions to.
func (n *Names) carried(t Tunnel, servers []hostnet.NameServer) (list []netip.Addr) {
	for _, s := range servers {
		if a := s.Addr.Addr(); t.Carries(a) {
			list = append(list, a)
		}
	}
	return list
}

// ask asks for a name, and for those that it may be short for.
func (n *Names) ask(ctx context.Context, r hostnet.Resolvers, network, host string) (addrs []netip.Addr, err error) {
	for _, name := range candidates(host, r) {
		addrs, err = n.askServers(ctx, r, network, name)
		if err == nil || !isNotFound(err) {
			break
		}
	}
	switch {
	case err == nil:
		return addrs, nil
	case isNotFound(err):
		return nil, fmt.Errorf("asked past the tunnel: %w", err)
	}
	return nil, fmt.Errorf("asked past the tunnel: %w%s", err, localHint(r.Servers))
}

// candidates are the whole names that a host's may stand for, in the order to
// ask for them (resolv.conf(5), search and ndots). A dot at the end keeps the
// search domains out that this host has by now.
func candidates(host string, r hostnet.Resolvers) (names []string) {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	for _, domain := range r.Search {
		names = append(names, host+"."+strings.Trim(domain, ".")+".")
	}
	if strings.Count(host, ".") >= r.Dots {
		return append([]string{host + "."}, names...)
	}
	return append(names, host+".")
}

func isNotFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// localHint says what can be done about a forwarder on this host, whose own
// questions are like anybody's.
func localHint(servers []hostnet.NameServer) string {
	for _, s := range servers {
		if s.Addr.Addr().IsLoopback() {
			return fmt.Sprintf(" (the name server %v is on this host, and its own questions may go into the tunnel: "+
				"lead those past it by `route SERVER 255.255.255.255 net_gateway`, or write the address in place of the name)", s.Addr.Addr())
		}
	}
	return ""
}

// stagger is the longest time for which a server is waited for before another
// is asked, too.
const stagger = time.Second

// answer is what a server came to.
type answer struct {
	addrs []netip.Addr
	err   error
}

// askServers asks one server after the other, and takes the first answer of any,
// be it that there is no such name.
func (n *Names) askServers(ctx context.Context, r hostnet.Resolvers, network, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	left := len(r.Servers) * max(r.Attempts, 1)
	answers := make(chan answer, left)
	next := time.NewTimer(0)
	defer next.Stop()
	err := errors.New("there is no name server")
	for begun, ended := 0, 0; ended < left; {
		select {
		case <-next.C:
			server := r.Servers[begun%len(r.Servers)]
			go func() {
				addrs, err := n.askServer(ctx, server, network, name)
				answers <- answer{addrs, err}
			}()
			if begun++; begun < left {
				next.Reset(min(r.Timeout, stagger))
			}
		case a := <-answers:
			ended++
			if a.err == nil || isNotFound(a.err) {
				return a.addrs, a.err
			}
			err = a.err
			if begun < left {
				next.Reset(0)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("no answer from %s: %w", serverList(r.Servers), context.Cause(ctx))
		}
	}
	return nil, err
}

func serverList(servers []hostnet.NameServer) string {
	var list []string
	for _, s := range servers {
		list = append(list, s.Addr.String())
	}
	return strings.Join(list, ", ")
}

func (n *Names) askServer(ctx context.Context, s hostnet.NameServer, network, name string) ([]netip.Addr, error) {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := n.dial(ctx, network, s)
		if err == nil { // who answers later than another is not waited for
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}}
	addrs, err := endpoint.Lookup(ctx, resolver, network, name)
	var dns *net.DNSError
	if errors.As(err, &dns) { // package net knows the names of this host's servers only
		named := *dns
		named.Server = s.Addr.String()
		err = &named
	}
	return addrs, err
}

func (n *Names) dial(ctx context.Context, network string, s hostnet.NameServer) (net.Conn, error) {
	if !s.TLS {
		return n.connect(ctx, network, s.Addr)
	}
	conn, err := n.connect(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, err
	}
	name := s.Name
	if name == "" {
		name = s.Addr.Addr().WithZone("").String()
	}
	return tls.Client(conn, &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}), nil
}

func (n *Names) connect(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if n.Dial != nil {
		return n.Dial(ctx, network, to)
	}
	options := n.Options
	if to.Addr().IsLoopback() {
		options.Device = ""
	}
	return options.Dialer().DialContext(ctx, network, to.String())
}
