package p2p

import (
	"net/netip"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/session"
)

// beginStatic starts a session with a static key. Where it is not known that
// the other host is at the other end (path is not valid), a packet that is
// sealed with the key has to tell.
func (h *Host) beginStatic(l link.Link, p *settings, path buf.Path, near netip.AddrPort) {
	c, own := l.(*connection)
	cfg := p.with(h.ctx, path.Remote, own && c.tcp, nil)
	if !path.Remote.IsValid() {
		cfg.Timers = session.Timers{}
	}
	s := h.newSide(session.NewStatic(cfg, h.static, time.Now()), l, p, path, near)
	h.start(s, nil)
	if path.Remote.IsValid() {
		// One that waits for a packet does not have to wait for traffic.
		s.Do(func(time.Time) { s.Session.Ping() })
		h.found(s)
	} else if !own {
		h.promote(s)
	}
}

// found takes note of where the other host is.
func (h *Host) found(s *side) {
	h.promote(s)
	h.emit(event.Secured{Remote: s.reported(), Data: "cipher " + h.cfg.Data.Cipher + ", auth " + h.cfg.Data.Auth, Cipher: h.cfg.Data.Cipher})
	s.Do(func(time.Time) { s.Session.SetTimers(s.settings.session.Timers) })
	h.up(s)
}
