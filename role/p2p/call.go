package p2p

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/role/profile/reach"
	"culvert/session"
)

// call begins a connection to the other host, where it is for this one to begin
// and it is known where to.
func (h *Host) call(ctx context.Context) error {
	switch {
	case h.listener != nil:
		return h.remotes.Learn(ctx)
	case h.remotes.None():
		if h.static != nil {
			h.beginStatic(h.link, h.main, buf.Path{}, netip.AddrPort{})
		}
		return nil
	case h.called.Load() != nil:
		return nil // it is for the other host to begin
	}
	t, err := h.remotes.Next(ctx)
	if err != nil {
		return err
	}
	if err := h.refresh(ctx, t.Near().Addr()); err != nil {
		return err
	}
	return h.callTo(ctx, t)
}

func (h *Host) callTo(ctx context.Context, t reach.Target) error {
	p := h.settingsOf(t)
	if h.shares(t) {
		if h.awaitsKey() {
			h.emit(event.AwaitingKey{Remote: t.Reported()})
			return nil
		}
		h.emit(event.Connecting{Remote: t.Reported()})
		h.begin(h.link, p, buf.Path{Remote: t.Addr}, t.Near())
		return nil
	}
	h.emit(event.Connecting{Remote: t.Reported()})
	l, err := h.dialer.Open(ctx, t)
	if err != nil {
		return err
	}
	c := calling(l, t.Addr, p.cfg.Timers.HandWindow)
	h.called.Store(c)
	h.calls.Go(func() {
		defer c.Close()
		h.serve(c, p, buf.Path{Remote: c.remote}, t.Near())
		h.called.CompareAndSwap(c, nil)
		h.notify()
	})
	return nil
}

// shares reports a target that the one socket for datagrams leads to.
func (h *Host) shares(t reach.Target) bool {
	return !t.Remote.Proto.TCP && t.Settings.Link.SOCKSProxy == nil
}

// awaitsKey reports a host that has no key for the control channel before the
// other one has brought it.
func (h *Host) awaitsKey() bool { return h.greeter != nil && h.cfg.Trust.TLSCryptV2 != nil }

// settingsOf is the settings to use for a target.
func (h *Host) settingsOf(t reach.Target) *settings {
	if p := h.blocks[t.Remote.Settings]; p != nil {
		return p
	}
	return h.main
}

// begin starts a session towards the other host on a link.
func (h *Host) begin(l link.Link, p *settings, path buf.Path, near netip.AddrPort) {
	if h.static != nil {
		h.beginStatic(l, p, path, near)
		return
	}
	c, own := l.(*connection)
	s := h.newSide(session.NewP2P(p.with(h.ctx, path.Remote, own && c.tcp, h.showTLS), time.Now()), l, p, path, near)
	h.start(s, nil)
	if limit := p.cfg.Link.ConnectTimeout; limit > 0 && limit < p.cfg.Timers.HandWindow {
		time.AfterFunc(limit, func() { h.giveUp(s, limit) })
	}
}

// giveUp ends a session that is not up in time.
func (h *Host) giveUp(s *side, limit time.Duration) {
	s.Do(func(time.Time) {
		if !s.Session.Established() {
			s.Session.LinkClosed(fmt.Errorf("no connection within %v (connect-timeout)", limit))
		}
	})
}

// final tells an error of call that trying again would not mend.
func final(err error) bool {
	return errors.Is(err, reach.ErrExhausted) || errors.Is(err, reach.ErrUnresolved) || errors.Is(err, reach.ErrFatal)
}
