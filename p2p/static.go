package p2p

import (
	"context"
	"time"

	"culvert/endpoint"
	"culvert/internal/buf"
	"culvert/session"
	"culvert/tunnel"
)

// beginStatic starts a session with a static key: to the next remote, or to
// nowhere, until a packet that is sealed with the key tells where the other
// host is.
func (h *Host) beginStatic(ctx context.Context) bool {
	var path buf.Path
	cfg := h.session
	if h.remotes.any() {
		cfg.Timers = session.Timers{}
	} else {
		to, err := h.remotes.next(ctx)
		if err != nil {
			h.log.Warn("the other host cannot be found", "error", err)
			return false
		}
		path.Remote = to
	}
	s := h.newSide(session.NewStatic(cfg, h.static, time.Now()), h.link, path)
	s.MaxInner.Store(int32(endpoint.MaxInner(h.cfg, path.Remote.Addr().Is6(), s.Session)))
	h.sides.promote(s)
	s.Do(func(time.Time) {})
	if path.Remote.IsValid() {
		h.log.Info("Data Channel: cipher "+h.cfg.Cipher+", auth "+h.cfg.Auth, "key", "static")
		h.up(path.Remote.String())
	}
	return true
}

// found takes note of where the other host is.
func (h *Host) found(p *tunnel.Peer) {
	h.log.Info("Data Channel: cipher "+h.cfg.Cipher+", auth "+h.cfg.Auth, "key", "static")
	p.Do(func(time.Time) { p.Session.SetTimers(h.session.Timers) })
	h.up(p.Path().Remote.String())
}
