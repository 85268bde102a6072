package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/link"
	"culvert/role/profile"
)

// Tunnel is an adapter that is up and changes this host, as far as it matters for
// names. *bringup.Adapter is one.
type Tunnel interface {
	// Resolvers returns whom this host would ask for a name without the tunnel.
	Resolvers(ctx context.Context, name string) (hostnet.Resolvers, error)
	// Carries reports whether packets of this host to an address go into it.
	Carries(to netip.Addr) bool
	// Past calls do while packets to some addresses go past the tunnel, and passes
	// it those that do: some may have no way there now.
	Past(ctx context.Context, to []netip.Addr, do func(past []netip.Addr) error) error
}

// Names finds the addresses of the hosts through which a tunnel is reached. While a
// tunnel holds the host's names or routes, it asks past the tunnel, which may be dead
// precisely because the server has another address by now. So the network that this
// host is on sees this name, as it did before the tunnel, and no other.
type Names struct {
	System profile.Resolver // is asked without a tunnel
	// Tunnel returns the tunnel that is up, nil for none.
	Tunnel func() Tunnel
	// Fenced says that this host lets only questions of this process out (block-outside), so
	// that neither the system's resolver nor a resolver on this host can ask.
	Fenced bool
	// Options have the mark and the device of the sockets that ask.
	Options link.Options
	Log     *slog.Logger
	// Dial connects to a name server; nil: the system does.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
}

// NewNames returns Names whose sockets have c's mark and device. system is asked
// without a tunnel; nil: the system's resolver. tunnel is nil if none changes this
// host.
func NewNames(c *config.Config, system profile.Resolver, tunnel func() Tunnel, log *slog.Logger) *Names {
	if system == nil {
		system = profile.SystemResolver
	}
	return &Names{System: system, Tunnel: tunnel, Fenced: c.Routing.BlockOutside != nil, Options: link.Options{Mark: profile.Mark(c), MarkIfAllowed: profile.MarkIfAllowed(c), Device: c.Link.BindDev}, Log: log}
}

// Lookup is a profile.Resolver.
func (n *Names) Lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	t := n.Tunnel()
	if _, err := netip.ParseAddr(host); err == nil || t == nil && !n.Fenced {
		return n.System(ctx, network, host)
	}
	if t == nil {
		t = untunnelled{}
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
	case len(r.Servers) == 0, !r.Changed && !n.Fenced && len(carried) == 0:
		return n.System(ctx, network, host)
	case len(carried) == 0:
		return n.ask(ctx, r, network, host)
	}
	var addrs []netip.Addr
	err = t.Past(ctx, carried, func(past []netip.Addr) (err error) {
		r.Servers = slices.DeleteFunc(r.Servers, func(s hostnet.NameServer) bool {
			a := s.Addr.Addr()
			return slices.Contains(carried, a) && !slices.Contains(past, a)
		})
		addrs, err = n.ask(ctx, r, network, host)
		return err
	})
	return addrs, err
}

// untunnelled is this host without a tunnel.
type untunnelled struct{}

func (untunnelled) Resolvers(ctx context.Context, name string) (hostnet.Resolvers, error) {
	return hostnet.PresentResolvers(ctx, name)
}

func (untunnelled) Carries(netip.Addr) bool { return false }

func (untunnelled) Past(_ context.Context, to []netip.Addr, do func([]netip.Addr) error) error {
	return do(to)
}

// errNoWay reports that the host has no network now, or not the one of its name
// servers.
var errNoWay = errors.New("no way past the tunnel to any name server")

// inFiles returns the addresses of a name in this host's hosts file.
func inFiles(ctx context.Context, network, host string) []netip.Addr {
	files := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("only files are asked")
	}}
	addrs, _ := profile.Lookup(ctx, files, network, host)
	return addrs
}

// carried returns the addresses of the servers that are reached through the tunnel.
func (n *Names) carried(t Tunnel, servers []hostnet.NameServer) (list []netip.Addr) {
	for _, s := range servers {
		if a := s.Addr.Addr(); t.Carries(a) {
			list = append(list, a)
		}
	}
	return list
}

// ask asks for a name, and for the names that it may be short for.
func (n *Names) ask(ctx context.Context, r hostnet.Resolvers, network, host string) ([]netip.Addr, error) {
	if len(r.Servers) == 0 {
		return nil, errNoWay
	}
	names := candidates(host, r)
	var a answer
	for i, name := range names {
		a = n.askServers(ctx, r, network, name, i == len(names)-1)
		if a.err == nil || ctx.Err() != nil {
			break
		}
		r.Servers = lead(r.Servers, a.from)
	}
	switch {
	case a.err == nil:
		return a.addrs, nil
	case isNotFound(a.err):
		return nil, fmt.Errorf("asked past the tunnel: %w", a.err)
	}
	return nil, fmt.Errorf("asked past the tunnel: %w%s", a.err, localHint(r.Servers))
}

// lead moves the server that answered, whatever it said, before those that were
// silent.
func lead(servers []hostnet.NameServer, answered hostnet.NameServer) []hostnet.NameServer {
	others := slices.DeleteFunc(slices.Clone(servers), func(s hostnet.NameServer) bool { return s == answered })
	return append([]hostnet.NameServer{answered}, others...)
}

// candidates returns the full names that host may stand for, in the order to ask for
// them (resolv.conf(5), search and ndots). They end with a dot, so that the search
// domains that this host has by now are not added.
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

// localHint says what to do about a forwarder on this host. Its own questions go
// wherever the host's packets go.
func localHint(servers []hostnet.NameServer) string {
	for _, s := range servers {
		if s.Addr.Addr().IsLoopback() {
			return fmt.Sprintf(" (the name server %v is on this host, and its own questions may go into the tunnel: "+
				"lead those past it by `route SERVER 255.255.255.255 net_gateway`, or write the address in place of the name)", s.Addr.Addr())
		}
	}
	return ""
}

// patience is the longest time that a server has to answer before another is asked as
// well, or the same again.
const patience = time.Second

// answer is the outcome of asking a server.
type answer struct {
	from  hostnet.NameServer
	addrs []netip.Addr
	err   error
}

// askServers asks the servers in turn, each as often as r says, and takes the first
// answer of any, even if it is that there is no such name. When a server fails, the
// next is asked at once. When all were asked and some failed, the silent ones are
// waited for only if name is the last to ask for.
func (n *Names) askServers(ctx context.Context, r hostnet.Resolvers, network, name string, last bool) answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(r.Servers)*r.Attempts)
	next := time.NewTimer(0)
	defer next.Stop()
	for begun, waiting := 0, 0; ; {
		select {
		case <-next.C:
			if begun < cap(answers) {
				server := r.Servers[begun%len(r.Servers)]
				go func() { answers <- n.askServer(ctx, server, network, name) }()
				begun++
				waiting++
			}
			next.Reset(min(r.Timeout, patience))
		case a := <-answers:
			waiting--
			switch turn := begun < len(r.Servers); {
			case a.err == nil, isNotFound(a.err):
				return a
			case turn:
				next.Reset(0)
			case waiting == 0 || !last:
				return a
			}
		case <-ctx.Done():
			return answer{err: fmt.Errorf("no answer from %s: %w", serverList(r.Servers), context.Cause(ctx))}
		}
	}
}

func serverList(servers []hostnet.NameServer) string {
	var list []string
	for _, s := range servers {
		list = append(list, s.Addr.String())
	}
	return strings.Join(list, ", ")
}

func (n *Names) askServer(ctx context.Context, s hostnet.NameServer, network, name string) answer {
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := n.dial(ctx, network, s)
		if err == nil { // the first answer is enough
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}}
	addrs, err := profile.Lookup(ctx, resolver, network, name)
	var dns *net.DNSError
	if errors.As(err, &dns) { // package net names this host's own servers, not the one asked
		named := *dns
		named.Server = s.Addr.String()
		err = &named
	}
	return answer{s, addrs, err}
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
	if options.Mark == 0 && hostnet.CanMark { // a server may have had names outside the tunnel blocked
		marked := options
		marked.Mark = hostnet.ClientMark
		if conn, err := marked.Dialer().DialContext(ctx, network, to.String()); err == nil {
			return conn, nil
		}
	}
	return options.Dialer().DialContext(ctx, network, to.String())
}
