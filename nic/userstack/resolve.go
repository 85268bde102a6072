package userstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// ErrNoDNS is returned when there is a name to resolve and no DNS server is known.
var ErrNoDNS = errors.New("the server pushed no DNS server, so names cannot be resolved through the tunnel; " +
	"use an IP address, push \"dhcp-option DNS\" on the server, or let the system's resolver answer")

// serverTimeout bounds the wait for one DNS server while others are left.
const serverTimeout = 5 * time.Second

// lookupFunc finds the addresses of a name; network is ip, ip4 or ip6.
type lookupFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)

func newLookup(o Options, dial func(context.Context, string, string) (net.Conn, error)) lookupFunc {
	switch {
	case o.SystemDNS:
		return net.DefaultResolver.LookupNetIP
	case len(o.DNS) == 0:
		return func(context.Context, string, string) ([]netip.Addr, error) { return nil, ErrNoDNS }
	}
	servers := make([]resolver, len(o.DNS))
	for i, server := range o.DNS {
		servers[i] = resolver{server, &net.Resolver{
			PreferGo: true,
			Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return dial(ctx, network, server.String())
			},
		}}
	}
	return func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		return lookupInOrder(ctx, servers, network, host)
	}
}

// resolver asks one of the tunnel's servers.
type resolver struct {
	at netip.AddrPort
	*net.Resolver
}

// lookupInOrder asks each server until one answers, even if the answer is that
// there is no such name.
func lookupInOrder(ctx context.Context, servers []resolver, network, host string) ([]netip.Addr, error) {
	// The final dot keeps out this host's own search domains.
	host = strings.TrimSuffix(host, ".") + "."
	var last error
	for i, server := range servers {
		addrs, err := lookupOne(ctx, server, network, host, i == len(servers)-1)
		var dns *net.DNSError
		if err == nil || ctx.Err() != nil || errors.As(err, &dns) && dns.IsNotFound {
			return addrs, err
		}
		last = err
	}
	return nil, fmt.Errorf("no DNS server of the tunnel answered: %w", last)
}

// inTunnel puts the server that was asked into an error in which package net, which
// knows only this host's own servers, names one of those.
func inTunnel(err error, server netip.AddrPort) error {
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		return err
	}
	named := *dns
	named.Server = server.String()
	return &named
}

func lookupOne(ctx context.Context, server resolver, network, host string, last bool) ([]netip.Addr, error) {
	if !last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, serverTimeout)
		defer cancel()
	}
	addrs, err := server.LookupNetIP(ctx, network, host)
	return addrs, inTunnel(err, server.at)
}
