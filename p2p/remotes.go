package p2p

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"

	"culvert/config"
	"culvert/endpoint"
)

// remotes goes round the addresses of the other host.
type remotes struct {
	list    []config.Remote
	resolve endpoint.Resolver

	mu    sync.Mutex
	at    int              // the next of list
	queue []netip.AddrPort // addresses of the present one not tried yet
	known map[netip.AddrPort]bool
}

func newRemotes(c *config.Config, resolve endpoint.Resolver) *remotes {
	r := &remotes{list: slices.Clone(c.Remotes), resolve: resolve, known: make(map[netip.AddrPort]bool)}
	if c.RemoteRandom {
		rand.Shuffle(len(r.list), func(i, j int) { r.list[i], r.list[j] = r.list[j], r.list[i] })
	}
	return r
}

// any reports that it is not known where the other host is.
func (r *remotes) any() bool { return len(r.list) == 0 }

// has reports an address that a remote has resolved to.
func (r *remotes) has(a netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[a]
}

// peek is the address to try next; it stays next.
func (r *remotes) peek(ctx context.Context) (netip.AddrPort, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		if err := r.fill(ctx); err != nil {
			return netip.AddrPort{}, err
		}
	}
	return r.queue[0], nil
}

// next is the address to try now.
func (r *remotes) next(ctx context.Context) (netip.AddrPort, error) {
	a, err := r.peek(ctx)
	if err != nil {
		return a, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = r.queue[1:]
	return a, nil
}

// fill resolves the next remote. The caller holds mu.
func (r *remotes) fill(ctx context.Context) error {
	if len(r.list) == 0 {
		return errors.New("there is no remote")
	}
	remote := r.list[r.at]
	r.at = (r.at + 1) % len(r.list)
	port, err := endpoint.LookupPort(ctx, remote)
	if err != nil {
		return err
	}
	addrs, err := endpoint.LookupHost(ctx, r.resolve, remote, remote.Host)
	if err != nil {
		return err
	}
	for _, a := range addrs {
		to := netip.AddrPortFrom(a.Unmap(), port)
		r.queue = append(r.queue, to)
		r.known[to] = true
	}
	return nil
}
