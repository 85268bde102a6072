package p2p

import (
	"context"
	"net/netip"
	"slices"
	"sync/atomic"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// local is the tunnel's part of this host: the adapter, and the routes and names
// that lead into it. It belongs to Run's goroutine; any goroutine may use the
// adapter itself once it is open.
type local struct {
	cfg     *config.Config
	resolve profile.Resolver
	pinned  *atomic.Bool // see tunnel.OnePeer
	emit    func(Event)

	programs bringup.Programs

	adapter *bringup.Adapter
	state   bringup.State
	denied  bool // this process may not change the adapter's MTU, so it stays
	refused path // for which it could not be changed; zero: none
}

// prepare decides on the state of this host, before anything is opened. near is the
// first address to try; not valid: none.
func (l *local) prepare(ctx context.Context, near netip.Addr) (err error) {
	l.state, err = l.wants(ctx, near)
	return err
}

// bringUp opens the adapter in the state that was prepared.
func (l *local) bringUp(ctx context.Context, open bringup.Opener) (err error) {
	l.emit(profile.Configuring(l.state.State))
	l.pinned.Store(profile.Pins(l.state.Routes))
	if l.adapter, err = open(ctx, l.state); err != nil {
		return err
	}
	return nil
}

// waits reports whether the adapter's routes wait for the other host or for some time.
func (l *local) waits() bool { return l.cfg.Hooks.UpDelay || l.adapter.RouteDelay() > 0 }

// finish has the adapter's routes added, where programs had them wait.
func (l *local) finish(ctx context.Context) error {
	err := l.adapter.Finish(ctx)
	l.report()
	return err
}

// meet tells programs of the other host, and runs ipchange if it is at another address, or
// is back.
func (l *local) meet(ctx context.Context, told *hooks.Env, at netip.AddrPort, changed bool) {
	if l.programs == nil || told == nil {
		return
	}
	base := profile.Environment(l.cfg)
	base.Add(told)
	base.SetAddress("trusted", at)
	l.adapter.Tell(base)
	if !changed {
		return
	}
	env := base.Clone()
	env.Add(l.state.Told.Host)
	_ = l.programs.Run(ctx, "ipchange", env, profile.PeerChanged(at))
}

// wants is the state for the other host, or the proxy to it, at an outer address.
func (l *local) wants(ctx context.Context, near netip.Addr) (s bringup.State, err error) {
	if s.State, err = profile.HostState(ctx, l.cfg, near, l.resolve); err != nil {
		l.emit(event.Remark{Text: "routes are left out", Err: err})
	}
	s.Told = profile.Told(l.cfg, profile.Environment(l.cfg), near)
	s.Ethernet, err = profile.Ethernet(l.cfg, &s.State)
	return s, err
}

// report says what was changed on this host, and what could not be.
func (l *local) report() {
	l.emit(profile.Configured(l.adapter.Name(), l.adapter.Changes, l.adapter.Partial))
}

// refresh brings this host to the state that an address to reach asks for: with
// redirect-gateway, the way to it leads past the tunnel.
func (l *local) refresh(ctx context.Context, near netip.Addr) error {
	if l.cfg.Routing.RedirectGateway == nil || !near.IsValid() {
		return nil
	}
	state, err := l.wants(ctx, near)
	if err != nil || slices.Equal(state.Routes, l.state.Routes) {
		return err
	}
	state.MTU = l.state.MTU // as the path has it
	l.state = state
	l.emit(profile.Configuring(state.State))
	l.pinned.Store(profile.Pins(state.Routes))
	err = l.adapter.Update(ctx, state)
	l.report()
	return err
}

// tunnel returns the adapter if questions for names may go into it, or nil.
func (l *local) tunnel() reach.Tunnel {
	if l.adapter != nil && l.adapter.ChangesHost() {
		return l.adapter
	}
	return nil
}
