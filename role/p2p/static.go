package p2p

import (
	"net/netip"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
)

// beginStatic starts a session with a static key. Where it is not known that
// the other host is at the other end (path is not valid), a packet that is
// sealed with the key has to tell.
func (s *sessions) beginStatic(l link.Link, p *profile.Settings, path buf.Path, near netip.AddrPort) {
	_, own := l.(*connection)
	cfg := p.For(s.ctx, path.Remote, overTCP(l))
	if !path.Remote.IsValid() {
		cfg.Timers = session.Timers{}
	}
	one := s.newSide(session.NewStatic(cfg, s.static, time.Now()), l, p, path, near)
	s.start(one, nil)
	if path.Remote.IsValid() {
		// One that waits for a packet does not have to wait for traffic.
		one.Do(func(time.Time) { one.Session.Ping(false) })
		s.found(one)
	} else if !own {
		s.promote(one)
	}
}

// found takes note of where the other host is.
func (s *sessions) found(one *side) {
	one.told.Store(profile.PeerVariables(one.settings, nil, one.Path().Remote))
	s.promote(one)
	s.emit(event.Secured{Remote: one.reported(), Data: "cipher " + s.cfg.Data.Cipher + ", auth " + s.cfg.Data.Auth, Cipher: s.cfg.Data.Cipher})
	one.Do(func(time.Time) { one.Session.SetTimers(one.settings.Session.Timers) })
	s.onUp(one)
}
