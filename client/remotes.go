package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"culvert/config"
	"culvert/endpoint"
)

// target is one address of a remote.
type target struct {
	remote config.Remote
	// host and port are the server's, for a proxy to resolve.
	host string
	port uint16
	// addr is where packets go: to the server, or over TCP to the proxy.
	addr netip.AddrPort
	// relay is the SOCKS proxy of a target for UDP; not valid without one.
	relay    netip.AddrPort
	viaProxy bool
}

func (t target) String() string {
	proto := t.remote.Proto.Transport()
	if t.viaProxy {
		return fmt.Sprintf("%s:%d (%s through a proxy at %v)", t.host, t.port, proto, t.near())
	}
	return fmt.Sprintf("%s (%s %v)", t.remote.Host, proto, t.addr)
}

// near is the address that this host's packets go to, past the tunnel.
func (t target) near() netip.AddrPort {
	if t.relay.IsValid() {
		return t.relay
	}
	return t.addr
}

// errExhausted says that every remote was tried as often as
// connect-retry-max allows.
var errExhausted = errors.New("every remote was tried as often as connect-retry-max allows")

// remotes goes round the remotes of a configuration and their addresses.
type remotes struct {
	list    []config.Remote
	resolve endpoint.Resolver
	tries   int // rounds allowed; 0: no limit
	rounds  int
	at      int      // the next remote
	queue   []target // addresses of the present one not tried yet
	last    *target
	again   bool
	known   map[string][]netip.Addr // what names resolved to before

	cfg     *config.Config
	failing time.Time // since when no name has had an address; zero: not so
}

func newRemotes(c *config.Config, resolve endpoint.Resolver) *remotes {
	if resolve == nil {
		resolve = endpoint.SystemResolver
	}
	r := &remotes{list: append([]config.Remote(nil), c.Remotes...), cfg: c, resolve: resolve, tries: c.ConnectTries, known: make(map[string][]netip.Addr)}
	if c.RemoteRandom {
		rand.Shuffle(len(r.list), func(i, j int) { r.list[i], r.list[j] = r.list[j], r.list[i] })
	}
	return r
}

// stay makes next return the last target once more.
func (r *remotes) stay() { r.again = r.last != nil }

// leave skips the addresses of the present remote that were not tried.
func (r *remotes) leave() { r.queue = nil }

// next is the address to try now.
func (r *remotes) next(ctx context.Context) (target, error) {
	if r.again {
		r.again = false
		return *r.last, nil
	}
	if len(r.queue) == 0 {
		if err := r.fill(ctx); err != nil {
			return target{}, err
		}
	}
	t := r.queue[0]
	r.queue = r.queue[1:]
	r.last = &t
	return t, nil
}

// errUnresolved says that no name had an address for as long as resolv-retry
// allows.
var errUnresolved = errors.New("no remote's name has had an address for the time of resolv-retry")

// fill resolves the next remote.
func (r *remotes) fill(ctx context.Context) error {
	if r.at == len(r.list) {
		r.at = 0
		if r.rounds++; r.tries > 0 && r.rounds >= r.tries {
			return errExhausted
		}
	}
	remote := r.list[r.at]
	r.at++
	queue, err := r.targets(ctx, remote)
	if err != nil {
		return r.unresolved(err)
	}
	r.failing, r.queue = time.Time{}, queue
	return nil
}

// unresolved makes the failure to resolve a remote final when all of them have
// failed for too long.
func (r *remotes) unresolved(err error) error {
	now := time.Now()
	if r.failing.IsZero() {
		r.failing = now
	}
	if limit := r.cfg.ResolvRetry; limit >= 0 && r.at == len(r.list) && now.Sub(r.failing) >= limit {
		return fmt.Errorf("%w (%v): %w", errUnresolved, limit, err)
	}
	return err
}

// targets are the addresses to try for a remote: the server's, or the proxy's,
// which finds the server itself unless it relays datagrams.
func (r *remotes) targets(ctx context.Context, remote config.Remote) ([]target, error) {
	cfg := r.cfg
	if remote.Settings != nil {
		cfg = remote.Settings
	}
	t := target{remote: remote, host: r.serverName(remote.Host)}
	var err error
	if t.port, err = endpoint.LookupPort(ctx, remote); err != nil {
		return nil, err
	}
	var servers, proxies []netip.AddrPort
	if host, port := proxyOf(cfg); host != "" {
		t.viaProxy = true
		if proxies, err = r.endpoints(ctx, config.Remote{Host: host, Port: port, Proto: config.Proto{TCP: true}}, host); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	if t.viaProxy && remote.Proto.TCP {
		return t.at(proxies), nil
	}
	if servers, err = r.endpoints(ctx, remote, t.host); err != nil {
		return nil, err
	}
	if t.viaProxy {
		t.relay = proxies[0]
	}
	return t.at(servers), nil
}

// at is a target for each address.
func (t target) at(addrs []netip.AddrPort) (list []target) {
	for _, a := range addrs {
		t.addr = a
		list = append(list, t)
	}
	return list
}

// proxyOf is the host and port of the proxy, "" without one.
func proxyOf(c *config.Config) (host, port string) {
	switch {
	case c.HTTPProxy != nil:
		return c.HTTPProxy.Host, c.HTTPProxy.Port
	case c.SOCKSProxy != nil:
		return c.SOCKSProxy.Host, c.SOCKSProxy.Port
	}
	return "", ""
}

// serverName is a remote's name to resolve: with random characters before it,
// if so wanted, which no cache has seen.
func (r *remotes) serverName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || !r.cfg.RemoteRandomHostname {
		return host
	}
	return fmt.Sprintf("%012x.%s", rand.Uint64()>>16, host)
}

// endpoints are the addresses and the port of a host.
func (r *remotes) endpoints(ctx context.Context, remote config.Remote, name string) ([]netip.AddrPort, error) {
	port, err := endpoint.LookupPort(ctx, remote)
	if err != nil {
		return nil, err
	}
	addrs, err := r.addresses(ctx, remote, name)
	if err != nil {
		return nil, err
	}
	var list []netip.AddrPort
	for _, a := range addrs {
		list = append(list, netip.AddrPortFrom(a.Unmap(), port))
	}
	return list, nil
}

// addresses resolves a remote, or falls back on what it was before.
func (r *remotes) addresses(ctx context.Context, remote config.Remote, name string) ([]netip.Addr, error) {
	addrs, err := endpoint.LookupHost(ctx, r.resolve, remote, name)
	if err == nil {
		r.known[remote.Host] = addrs
		return addrs, nil
	}
	if before := r.known[remote.Host]; before != nil {
		return before, nil
	}
	return nil, err
}

// twoLines are the first two lines of a text.
func twoLines(text []byte) (first, second string) {
	first, rest, _ := strings.Cut(string(text), "\n")
	second, _, _ = strings.Cut(rest, "\n")
	return strings.TrimRight(first, "\r"), strings.TrimRight(second, "\r")
}
