package server

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/role/profile"
	"culvert/role/server/lease"
)

// host says what a server wants of the machine it runs on: addresses, routes, and
// perhaps to be a router.
type host struct {
	cfg      *config.Config
	book     *lease.Book
	forward  bool // make it a router that masquerades for the clients
	ethernet bool
	log      *slog.Logger
}

// state returns what the host should look like, with the networks behind the clients
// (`route`) and, if wanted, forwarding.
func (h *host) state(ctx context.Context) hostnet.State {
	layout := h.book.Layout()
	state := layout.State(h.cfg.Adapter.Dev, h.cfg.Adapter.MTU)
	state.TxQueueLen, state.LLAddr = h.cfg.Adapter.TxQueueLen, profile.LLAddr(h.cfg.Adapter)
	if h.cfg.Adapter.IfconfigNoexec {
		state.Addresses = nil
	}
	if h.cfg.Routing.NoExec {
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

// told returns what programs are told of the state, with the variables of a configuration
// that may be a later one.
func (h *host) told(p config.Process) bringup.Told {
	cfg := *h.cfg
	cfg.Process.Env, cfg.Process.Verb = p.Env, p.Verb
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
func (h *host) wants(ctx context.Context) bringup.State {
	return bringup.State{State: h.state(ctx), Told: h.told(h.cfg.Process)}
}

// router makes this host a router. As without it, packets go from client to client
// only with `client-to-client`.
func (h *host) router() *hostnet.Forward {
	l := h.book.Layout()
	return &hostnet.Forward{IPv4: l.Network.IsValid(), IPv6: l.Network6.IsValid(), Apart: !h.cfg.Server.ClientToClient}
}

// routes returns the routes of `route`. One whose name cannot be resolved is left out:
// the server can serve without it.
func (h *host) routes(ctx context.Context) (routes []hostnet.Route) {
	cfg := *h.cfg
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
				if err := adapter.Update(ctx, h.wants(ctx)); err != nil && ctx.Err() == nil {
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
