package p2p

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"culvert/host/bringup"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// open brings up sockets and adapter, all or none.
func (h *Host) open(ctx context.Context) (err error) {
	var first netip.Addr
	if t, err := h.remotes.Peek(ctx); err == nil && !h.cfg.AwaitsTCP() {
		first = t.Near().Addr()
	}
	if h.state, err = h.wants(ctx, first); err != nil {
		return err
	}
	h.one.Pinned.Store(profile.Pins(h.state.Routes))
	if err = h.listen(ctx); err != nil {
		return err
	}
	h.emit(profile.Configuring(h.state.State))
	if h.adapter, err = h.opts.Open(ctx, h.state); err != nil {
		h.closeSockets()
		return err
	}
	h.reportHost()
	return nil
}

// wants is the state for the other host, or the proxy to it, at an outer address.
func (h *Host) wants(ctx context.Context, near netip.Addr) (s bringup.State, err error) {
	if s.State, err = profile.HostState(ctx, h.cfg, near, h.opts.Resolve); err != nil {
		h.emit(event.Remark{Text: "routes are left out", Err: err})
	}
	s.Ethernet, err = profile.Ethernet(h.cfg, &s.State)
	return s, err
}

// listen opens what the other host can come to, and what datagrams go out by.
func (h *Host) listen(ctx context.Context) (err error) {
	o := profile.LinkOptions(h.cfg)
	if o.Addr, err = h.listenAddr(ctx); err != nil {
		return err
	}
	if h.cfg.AwaitsTCP() {
		h.listener, err = h.opts.ListenTCP(o)
		return err
	}
	if !h.usesSocket() {
		return nil
	}
	o.Refusals = true
	h.link, err = h.opts.Listen(o)
	return err
}

// usesSocket tells whether datagrams go without a proxy.
func (h *Host) usesSocket() bool {
	for _, r := range h.cfg.Link.Remotes {
		t := reach.Target{Remote: r, Settings: h.cfg}
		if r.Settings != nil {
			t.Settings = r.Settings
		}
		if h.shares(t) {
			return true
		}
	}
	return h.remotes.None()
}

// reportHost says what was changed on this host, and what could not be.
func (h *Host) reportHost() {
	h.emit(profile.Configured(h.adapter.Name(), h.adapter.Changes, h.adapter.Partial))
}

// refresh brings this host to the state that an address to reach asks for: with
// redirect-gateway, the way to it leads past the tunnel.
func (h *Host) refresh(ctx context.Context, near netip.Addr) error {
	if h.cfg.Routing.RedirectGateway == nil || !near.IsValid() {
		return nil
	}
	state, err := h.wants(ctx, near)
	if err != nil || slices.Equal(state.Routes, h.state.Routes) {
		return err
	}
	h.state = state
	h.one.Pinned.Store(profile.Pins(state.Routes))
	h.emit(profile.Configuring(state.State))
	err = h.adapter.Update(ctx, state)
	h.reportHost()
	return err
}

// listenAddr is what `local`, `lport`, `nobind` and `proto` say.
func (h *Host) listenAddr(ctx context.Context) (netip.AddrPort, error) {
	port := uint16(h.cfg.Link.LocalPort)
	proto := h.cfg.Link.Proto
	if len(h.cfg.Link.Remotes) > 0 && h.cfg.AwaitsTCP() {
		proto = h.cfg.Link.Remotes[0].Proto
	}
	switch {
	case h.cfg.Link.Local != "":
		addr, err := profile.LocalAddr(ctx, proto.Network(), h.cfg.Link.Local)
		if err != nil {
			return netip.AddrPort{}, err
		}
		if addr, err = profile.Scoped(h.cfg, addr.Unmap()); err != nil {
			return netip.AddrPort{}, fmt.Errorf("local: %w", err)
		}
		return netip.AddrPortFrom(addr, port), nil
	case proto.Family == 4:
		return netip.AddrPortFrom(netip.IPv4Unspecified(), port), nil
	}
	return netip.AddrPortFrom(netip.Addr{}, port), nil
}

func (h *Host) closeSockets() {
	if h.listener != nil {
		h.listener.Close()
	}
	if h.link != nil {
		h.link.Close()
	}
}
