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

// Tunnel is an adapter that is up and changes this host, as far as names go.
// *adapter.Adapter is one.
type Tunnel interface {
	// Resolvers are whom this host would ask for a name without the tunnel.
	Resolvers(ctx context.Context, name string) (hostnet.Resolvers, error)
	// Carries reports whether packets of this host to an address go into it.
	Carries(to netip.Addr) bool
	// Past calls do while packets to some addresses go past it, and tells it
	// which do: not those that have no way there now.
	Past(ctx context.Context, to []netip.Addr, do func(past []netip.Addr) error) error
}

// Names finds the addresses of what a tunnel is reached by. While one holds the
// host's names or routes, it asks past the tunnel, which may be dead for the
// very reason that the server has another address by now. So the network that
// this host is on hears the name, as it did before the tunnel; it hears no other
// name.
type Names struct {
	System profile.Resolver // without a tunnel
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
func NewNames(c config.Link, system profile.Resolver, tunnel func() Tunnel, log *slog.Logger) *Names {
	if system == nil {
		system = profile.SystemResolver
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

// errNoWay says that the host has no network now, or not that of its name servers.
var errNoWay = errors.New("no way past the tunnel to any name server")

// inFiles are a host's addresses in this host's own file of hosts.
func inFiles(ctx context.Context, network, host string) []netip.Addr {
	files := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("only files are asked")
	}}
	addrs, _ := profile.Lookup(ctx, files, network, host)
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

// lead puts the server that answered, for better or worse, before those that
// were silent.
func lead(servers []hostnet.NameServer, answered hostnet.NameServer) []hostnet.NameServer {
	others := slices.DeleteFunc(slices.Clone(servers), func(s hostnet.NameServer) bool { return s == answered })
	return append([]hostnet.NameServer{answered}, others...)
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

// patience is the longest time that a server has before another is asked, too, or
// the same once more.
const patience = time.Second

// answer is what a server came to.
type answer struct {
	from  hostnet.NameServer
	addrs []netip.Addr
	err   error
}

// askServers asks the servers in turn, each as often as r says, and takes the
// first answer of any, be it that there is no such name. A server that fails
// makes place for the next at once. When all had their turn, and some failed, the
// silent ones are waited for only if name is the last to ask for.
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
		if err == nil { // who answers later than another is not waited for
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}}
	addrs, err := profile.Lookup(ctx, resolver, network, name)
	var dns *net.DNSError
	if errors.As(err, &dns) { // package net knows the names of this host's servers only
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
	return options.Dialer().DialContext(ctx, network, to.String())
}
