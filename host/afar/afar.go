// Package afar connects to hosts by their names from within a chroot, where the files that
// say how this host finds names are out of reach.
package afar

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"culvert/host/hostnet"
)

// The files that say how a host finds names.
const (
	resolvFile = "/etc/resolv.conf"
	hostsFile  = "/etc/hosts"
)

// Dialer connects by the names that this host knew when it was made. It is safe for
// concurrent use.
type Dialer struct {
	resolv string // this file counts as long as it can be found
	known  hostnet.Resolvers
	hosts  map[string][]netip.Addr // by name in small letters
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

// New reads how this host finds names.
func New() *Dialer { return newDialer(resolvFile, hostsFile) }

func newDialer(resolv, hosts string) *Dialer {
	text, _ := os.ReadFile(hosts)
	return &Dialer{resolv: resolv, known: hostnet.FileResolvers(resolv), hosts: parseHosts(text), dial: new(net.Dialer).DialContext}
}

// DialContext is net.Dialer's.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || net.ParseIP(host) != nil {
		return d.dial(ctx, network, address)
	}
	if _, err := os.Stat(d.resolv); err == nil { // the chroot has its own, or was not entered yet
		return d.dial(ctx, network, address)
	}
	all, err := d.find(ctx, host)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, a := range all {
		conn, err := d.dial(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// find returns the addresses of a host.
func (d *Dialer) find(ctx context.Context, host string) ([]netip.Addr, error) {
	if all := d.hosts[strings.ToLower(strings.TrimSuffix(host, "."))]; len(all) > 0 {
		return all, nil
	}
	r := &net.Resolver{PreferGo: true, Dial: d.server}
	var first error
	for _, name := range d.names(host) {
		all, err := r.LookupNetIP(ctx, "ip", name)
		if err == nil {
			return all, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}

// names are those that a host may have, in the order to ask for them (resolv.conf(5), search
// and ndots).
func (d *Dialer) names(host string) (all []string) {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	for _, domain := range d.known.Search {
		all = append(all, host+"."+strings.TrimSuffix(domain, ".")+".")
	}
	if strings.Count(host, ".") >= d.known.Dots {
		return append([]string{host + "."}, all...)
	}
	return append(all, host+".")
}

// server connects to a name server. Package net asks those of this host itself in turn where
// it finds no file: each of them stands for one that is known.
func (d *Dialer) server(ctx context.Context, network, asked string) (net.Conn, error) {
	servers := d.known.Servers
	if len(servers) == 0 {
		return d.dial(ctx, network, asked)
	}
	i := 0
	if at, err := netip.ParseAddrPort(asked); err == nil && at.Addr().Is6() {
		i = min(1, len(servers)-1)
	}
	return d.dial(ctx, network, servers[i].Addr.String())
}

// parseHosts reads hosts(5).
func parseHosts(text []byte) map[string][]netip.Addr {
	hosts := make(map[string][]netip.Addr)
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		a, err := netip.ParseAddr(f[0])
		if err != nil {
			continue
		}
		for _, name := range f[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			if !slices.Contains(hosts[name], a) {
				hosts[name] = append(hosts[name], a)
			}
		}
	}
	return hosts
}
