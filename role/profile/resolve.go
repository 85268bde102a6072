package profile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/config"
	"culvert/host/hostnet"
)

// Resolver finds the addresses of a host; network is "ip", "ip4" or "ip6".
// SystemResolver is one.
type Resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)

// SystemResolver resolves a name as this system is set up to. Link-local addresses
// keep their zone, by name.
func SystemResolver(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return Lookup(ctx, &net.Resolver{Dial: presentServer("/etc/resolv.conf").dial}, network, host)
}

// presentServer is the path of the resolver's file. Package net reads that only every
// five seconds, and until then asks the name servers of a tunnel that is gone.
type presentServer string

func (file presentServer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, file.instead(address))
}

// instead returns a server that the file names now: the one at address if it is still
// named.
func (file presentServer) instead(address string) string {
	servers := hostnet.NameServers(string(file))
	asked, err := netip.ParseAddrPort(address)
	if err != nil || len(servers) == 0 || slices.Contains(servers, netip.AddrPortFrom(asked.Addr().Unmap(), asked.Port())) {
		return address
	}
	return servers[0].String()
}

// Lookup is r.LookupNetIP, except that it keeps the zones of link-local addresses.
func Lookup(ctx context.Context, r *net.Resolver, network, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return ofFamily([]netip.Addr{named(a)}, network, host)
	}
	if network == "ip4" {
		return r.LookupNetIP(ctx, network, host)
	}
	answers, err := r.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, ip := range answers {
		if a, ok := netip.AddrFromSlice(ip.IP); ok {
			addrs = append(addrs, named(a.Unmap().WithZone(ip.Zone)))
		}
	}
	return ofFamily(addrs, network, host)
}

// ofFamily returns the addresses of the family of network.
func ofFamily(addrs []netip.Addr, network, host string) ([]netip.Addr, error) {
	other := func(a netip.Addr) bool {
		return network == "ip4" && !a.Unmap().Is4() || network == "ip6" && a.Unmap().Is4()
	}
	if addrs = slices.DeleteFunc(addrs, other); len(addrs) == 0 {
		family := map[string]string{"ip4": "IPv4", "ip6": "IPv6"}[network]
		return nil, fmt.Errorf("%s has no %s address, which is what `proto` asks for", host, family)
	}
	return addrs, nil
}

// named returns an address whose zone is the adapter's name, not its index, as in
// the addresses of packets from package link.
func named(a netip.Addr) netip.Addr {
	index, err := strconv.Atoi(a.Zone())
	if err != nil {
		return a
	}
	adapter, err := net.InterfaceByIndex(index)
	if err != nil {
		return a
	}
	return a.WithZone(adapter.Name)
}

// Scoped returns an address with the zone that a link-local one needs to be sent to.
// One that has none gets the zone of c's own sockets, from `bind-dev` or `local`.
func Scoped(c config.Link, a netip.Addr) (netip.Addr, error) {
	if !a.Is6() || !a.IsLinkLocalUnicast() {
		return a, nil
	}
	if a.Zone() == "" {
		a = a.WithZone(ownZone(c))
	}
	if a.Zone() == "" {
		return a, fmt.Errorf("%v is a link-local address, which each network can have: add the adapter that leads there, as in %v%%eth0", a, a)
	}
	if _, err := net.InterfaceByName(a.Zone()); err != nil {
		return a, fmt.Errorf("%v: this host has no adapter %s now: correct what stands behind the %%, or connect it", a, a.Zone())
	}
	return a, nil
}

// ownZone returns the adapter that c binds its sockets to, "" for none.
func ownZone(c config.Link) string {
	if c.BindDev != "" {
		return c.BindDev
	}
	local, _ := netip.ParseAddr(c.Local)
	return named(local).Zone()
}

// LocalAddr returns the first address that `local` gives: local is an address of this
// host, or a name that has one.
func LocalAddr(ctx context.Context, network, local string) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := SystemResolver(ctx, network, local)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("local %s: expected an address of this host, or a name that has one: %w", local, err)
	}
	return addrs[0].Unmap(), nil
}

// resolveTime is the time limit for resolving a name: perhaps nobody answers.
const resolveTime = 5 * time.Second

// LookupHost finds the outer addresses of a remote under a name, one or more.
func LookupHost(ctx context.Context, resolve Resolver, remote config.Remote, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := resolve(ctx, remote.Proto.Network(), name)
	if err == nil && len(addrs) > 0 {
		return addrs, nil
	}
	hint := ""
	if host, port, ok := strings.Cut(remote.Host, ":"); ok && !strings.Contains(port, ":") {
		hint = fmt.Sprintf(" (write the port after a blank: `remote %s %s`)", host, port)
	}
	err = cmp.Or(err, errors.New("the answer is empty"))
	fault := "the name has no address"
	var dns *net.DNSError
	if errors.As(err, &dns) {
		if !dns.IsNotFound {
			fault = "the name could not be looked up"
		}
		err = &lookupError{text: strings.Replace(err.Error(), dns.Error(), unanswered(dns), 1), err: err}
	}
	return nil, fmt.Errorf("remote %s: %s%s: %w", remote.Host, fault, hint, err)
}

// lookupError is an error of the resolver in other words.
type lookupError struct {
	text string
	err  error
}

func (e *lookupError) Error() string { return e.text }
func (e *lookupError) Unwrap() error { return e.err }

// unanswered says why a name has no address, and what to look at. The text is the
// same each time; package net's includes the port that the question came from.
func unanswered(e *net.DNSError) string {
	server := "the name server " + e.Server
	if e.Server == "" {
		server = "this host's resolver"
	}
	if e.IsNotFound {
		return server + " knows no such name: is it written right?"
	}
	cause := e.Err[strings.LastIndex(e.Err, ": ")+1:]
	return fmt.Sprintf("%s gives no answer (%s): is there a network, and is that the right name server for it?", server, strings.TrimSpace(cause))
}

// LookupPort finds the number of a remote's port.
func LookupPort(ctx context.Context, remote config.Remote) (uint16, error) {
	n, err := net.DefaultResolver.LookupPort(ctx, remote.Proto.Transport(), remote.Port)
	if err != nil {
		return 0, fmt.Errorf("remote %s: port %q: %w", remote.Host, remote.Port, err)
	}
	return uint16(n), nil
}
