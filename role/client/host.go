package client

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/nic"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// bringUp opens the adapter in the state that cfg asks for. If it is open already,
// bringUp changes it to that state.
func (a *attempt) bringUp(ctx context.Context, cfg *config.Config) error {
	state, err := profile.HostState(ctx, cfg, a.target.Near().Addr(), a.opts.Resolve)
	if err != nil {
		a.emit(event.Remark{Text: "routes are left out", Err: err})
	}
	if profile.WithoutGateway(cfg) {
		mend := "have the server push route-gateway ADDRESS"
		if cfg.Routing.GatewayIsDHCP {
			mend = "the server expects it to come by DHCP; run a DHCP client on the adapter, or " + mend
		}
		a.emit(event.Remark{Text: "routes through the tunnel are left out, since nothing names the gateway on its Ethernet: " + mend})
	}
	if profile.WithoutAddress(cfg.Adapter) {
		a.emit(event.Remark{Text: "the adapter gets no address, since the server pushed none, or pull-filter left it out: set one there, or write ifconfig in this configuration"})
	}
	a.routes = state.Routes
	state.Routes = pinning(state.Routes, apart(a.Client))
	a.one.Pinned.Store(profile.Pins(state.Routes))
	network, err := profile.Ethernet(cfg, &state)
	if err != nil {
		return fmt.Errorf("%w: %w", reach.ErrFatal, err)
	}
	if open := a.adapter.Load(); open != nil && open.Stack == nil && network == nil && profile.Kind(cfg.Adapter) == nic.IP {
		a.mover.past.bind(a.opts.Network, a.state.Addresses, state.Addresses)
	}
	a.addresses, state.Addresses = state.Addresses, a.mover.past.kept.addresses(state.Addresses)
	want := bringup.State{State: state, Ethernet: network, Told: profile.Told(cfg, environment(cfg, a.told), a.target.Near().Addr())}
	told := state
	told.Addresses = a.addresses
	a.emit(profile.Configuring(told))
	if stays := a.narrowing.give(state.MTU); stays > 0 {
		a.emit(event.Remark{Text: profile.MTUStays(stays), Err: hostnet.ErrPermission})
	}
	if open := a.adapter.Load(); open != nil {
		if open.Stack == nil || slices.Equal(state.Addresses, a.state.Addresses) {
			if open.Stack == nil {
				want.MTU = a.narrowing.mtu(cfg, want)
			}
			a.state = want
			return a.report(open.Update(ctx, want))
		}
		if err := a.closeAdapter(); err != nil {
			return a.report(err)
		}
	}
	opened, err := a.opts.Open(ctx, want)
	if err != nil {
		return fmt.Errorf("%w: %w", reach.ErrFatal, err)
	}
	a.state = want
	a.adapter.Store(opened)
	go func() {
		err := a.road.Outbound(ctx, opened)
		if a.adapter.Load() == opened {
			a.ended <- err
		}
	}()
	a.fresh = true
	if wait := opened.RouteDelay(); wait > 0 {
		a.delayed = time.After(wait)
	}
	return nil
}

// finish has the routes of an adapter added that was opened just now, and need wait no
// longer.
func (a *attempt) finish(ctx context.Context) error {
	if !a.fresh || a.delayed != nil {
		return nil
	}
	a.fresh = false
	return a.report(a.adapter.Load().Finish(ctx))
}

// environment is what programs are told of this process and of the server.
func environment(cfg *config.Config, server *hooks.Env) *hooks.Env {
	env := profile.Environment(cfg)
	env.Add(server)
	return env
}

// report reports how this host was set up, and what could not be.
func (a *attempt) report(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", reach.ErrFatal, err)
	}
	open := a.adapter.Load()
	a.emit(profile.Configured(open.Name(), open.Changes, open.Partial))
	return nil
}

func (c *Client) closeAdapter() error {
	c.mover.past.end() // nothing goes on by what has no adapter
	open := c.adapter.Swap(nil)
	if open == nil {
		return nil
	}
	c.narrowing.reopened()
	err := open.TakeDown(c.log)
	c.emit(event.AdapterClosed{Adapter: open.Name()})
	return err
}

// leaveAdapter takes an adapter through the end of a connection: with programs that run
// at each one it is closed, if this process can open another.
func (a *attempt) leaveAdapter(ctx context.Context, why error) error {
	open := a.adapter.Load()
	if open == nil {
		return nil
	}
	signal := profile.LastSignal(ctx, a.goodbye, why)
	if a.opts.Reopens && a.cfg.Hooks.OnReconnect() {
		open.Leaving(signal)
		return a.closeAdapter()
	}
	a.restarted = true
	return open.Restart(ctx, signal)
}

// keepReachable routes servers past the tunnel that are tried or left, where its own
// routes would carry packets to them, too, and brings the ways there up to date. Addresses
// of a server that was left go when nothing needs them.
func (c *Client) keepReachable(ctx context.Context, servers ...netip.Addr) error {
	open := c.adapter.Load()
	addresses := c.mover.past.kept.addresses(c.addresses)
	if open == nil || !profile.Pins(c.routes) && slices.Equal(addresses, c.state.Addresses) {
		return nil
	}
	c.state.Routes, c.state.Addresses = pinning(c.routes, servers), addresses
	return open.Update(ctx, c.state)
}

// apart are the servers besides the present one that are to be reached past the tunnel.
func apart(c *Client) []netip.Addr { return append(c.mover.servers(), c.best.servers()...) }

// pinning returns routes with those that lead servers past the tunnel, if the routes do
// that with the present one.
func pinning(routes []hostnet.Route, servers []netip.Addr) []hostnet.Route {
	if !profile.Pins(routes) {
		return routes
	}
	routes = slices.Clone(routes)
	for _, server := range servers {
		bypass := hostnet.Route{Dst: netip.PrefixFrom(server, server.BitLen()), Bypass: true}
		if !slices.Contains(routes, bypass) {
			routes = append(routes, bypass)
		}
	}
	return routes
}
