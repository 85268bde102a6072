package server

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"sync"
	"sync/atomic"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/role/profile"
	"culvert/role/server/lease"
)

// host says what a server wants of the machine it runs on: addresses, routes, and
// perhaps to be a router.
type host struct {
	cfg      atomic.Pointer[config.Config] // that it goes by
	book     *lease.Book
	forward  bool // make it a router that masquerades for the clients
	ethernet bool
	log      *slog.Logger

	mu sync.Mutex // held while the adapter is brought to another state
}

// state returns what the host should look like, with the networks behind the clients
// (`route`) and, if wanted, forwarding.
func (h *host) state(ctx context.Context) hostnet.State {
	layout, cfg := h.book.Layout(), h.cfg.Load()
	state := layout.State(cfg.Adapter.Dev, cfg.Adapter.MTU)
	state.TxQueueLen, state.LLAddr = cfg.Adapter.TxQueueLen, profile.LLAddr(cfg.Adapter)
	if cfg.Adapter.IfconfigNoexec {
		state.Addresses = nil
	}
	if cfg.Routing.NoExec {
		state.Routes = nil
	} else {
		state.Routes = append(state.Routes, h.routes(ctx)...)
	}
	if h.book.OnLAN() {
		state.Routes = append(state.Routes, h.book.Routes()...)
		state.Forward = h.router()
		return state
	}
	if !h.forward || layout.Bridged {
		return state
	}
	state.Forward = h.router()
	for _, p := range []netip.Prefix{layout.Network, layout.Network6} {
		if p.IsValid() {
			state.Forward.Masquerade = append(state.Forward.Masquerade, p)
		}
	}
	return state
}

// told returns what programs are told of the state.
func (h *host) told() bringup.Told {
	cfg := *h.cfg.Load()
	for _, a := range h.book.Layout().State("", 0).Addresses {
		switch own := a.Prefix.Addr(); {
		case own.Is6():
			cfg.Adapter.IfconfigIPv6 = &config.IfconfigIPv6{Local: a.Prefix, Remote: own.Next()}
		case a.Peer.IsValid():
			cfg.Adapter.Ifconfig = &config.Ifconfig{Local: own, Remote: a.Peer}
		default:
			cfg.Adapter.Ifconfig = &config.Ifconfig{Local: own, Bits: a.Prefix.Bits()}
			if !cfg.Routing.Gateway.IsValid() {
				cfg.Routing.Gateway = own.Next() // man page, server
			}
		}
	}
	return profile.Told(&cfg, profile.Environment(&cfg), netip.Addr{})
}

// wants returns what the host should look like, for the adapter.
func (h *host) wants(ctx context.Context) (want bringup.State, err error) {
	want = bringup.State{State: h.state(ctx), Told: h.told()}
	want.Ethernet, err = profile.Ethernet(h.cfg.Load(), &want.State)
	return want, err
}

// update brings an adapter to the state that is wanted by now.
func (h *host) update(ctx context.Context, adapter *bringup.Adapter) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bring(ctx, adapter)
}

// bring is update for who holds the lock.
func (h *host) bring(ctx context.Context, adapter *bringup.Adapter) error {
	want, err := h.wants(ctx)
	if err != nil {
		return err
	}
	return adapter.Update(ctx, want)
}

// adopt goes by another configuration from now on: its routes, and what its programs are
// told. An error is the failure of a program that ends the process.
func (h *host) adopt(ctx context.Context, adapter *bringup.Adapter, c *config.Config) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.cfg.Swap(c)
	if sameHost(before, c) {
		adapter.Tell(h.told().Base)
		return nil
	}
	err := h.bring(ctx, adapter)
	switch {
	case errors.As(err, new(*bringup.ProgramError)):
		return err
	case err != nil:
		h.log.Error("this host's routes could not be brought up to date; start this process again", "error", err)
	case adapter.Partial != nil:
		h.log.Warn("not everything could be set up on this host", "problem", adapter.Partial)
	}
	return nil
}

// missing is what could not be set up on this host, "" if nothing.
func (h *host) missing(adapter *bringup.Adapter) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if adapter.Partial == nil {
		return ""
	}
	return adapter.Partial.Error()
}

// sameHost reports whether two configurations want the same of this host.
func sameHost(a, b *config.Config) bool {
	return reflect.DeepEqual(a.Routing, b.Routing) && a.Server.ClientToClient == b.Server.ClientToClient && a.Adapter.TxQueueLen == b.Adapter.TxQueueLen
}

// router makes this host a router. As without it, packets go from client to client
// only with `client-to-client`.
func (h *host) router() *hostnet.Forward {
	l := h.book.Layout()
	return &hostnet.Forward{IPv4: l.Network.IsValid(), IPv6: l.Network6.IsValid(), Apart: !h.cfg.Load().Server.ClientToClient}
}

// routes returns the routes of `route`. One whose name cannot be resolved is left out:
// the server can serve without it.
func (h *host) routes(ctx context.Context) (routes []hostnet.Route) {
	cfg := *h.cfg.Load()
	if !cfg.Routing.Gateway.IsValid() && h.ethernet {
		cfg.Routing.Gateway = h.book.Layout().Beside // man page, server
	}
	if profile.WithoutGateway(&cfg) {
		h.log.Warn("routes through an Ethernet adapter need a gateway, and those without one are left out; name it in the line, or IPv4's in route-gateway")
	}
	for _, r := range cfg.Routing.Routes {
		list, err := profile.HostRoutes(ctx, &cfg, r, netip.Addr{}, profile.SystemResolver)
		if err != nil {
			h.log.Warn("a route is left out", "error", err)
		}
		routes = append(routes, list...)
	}
	return routes
}

// keepRoutes makes the host's routes follow the clients on a LAN, until the function
// that it returns is called.
func (h *host) keepRoutes(ctx context.Context, adapter *bringup.Adapter) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-h.book.Changed():
				if err := h.update(ctx, adapter); err != nil && ctx.Err() == nil {
					h.log.Error("the routes to the clients could not be brought up to date", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}
