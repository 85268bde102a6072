package p2p

import (
	"errors"
	"time"

	"culvert/internal/mute"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
	"culvert/tunnel"
)

// onEvent takes what a session reports, on its control goroutine.
func (s *sessions) onEvent(p *tunnel.Peer, now time.Time, e session.Event) {
	one := p.Owner.(*side)
	switch e := e.(type) {
	case session.Established:
		s.established(one, now, e)
	case session.Rekeyed:
		s.shows(one, now, e.TLS)
		s.emit(profile.Reported(e, one.reported()))
	case session.Idle:
		s.end(profile.ErrInactive)
	case session.Expired:
		s.end(profile.ErrExpired)
	case session.PathMeasured:
		s.followPath(one, e)
	case session.Closed:
		s.ended(one, e.Err)
	default:
		if said := profile.Reported(e, one.reported()); said != nil {
			s.emit(said)
		}
	}
}

// established makes a session the one that carries packets.
func (s *sessions) established(one *side, now time.Time, e session.Established) {
	if s.shows(one, now, e.TLS) {
		return
	}
	one.told.Store(profile.PeerVariables(one.settings, e.TLS.PeerCertificates, one.Path().Remote))
	s.promote(one)
	s.emit(profile.Reported(e, one.reported()))
	s.onUp(one)
}

// ended forgets a session.
func (s *sessions) ended(one *side, err error) {
	wasCurrent := s.sides.drop(one)
	if wasCurrent {
		s.why.Store(&err)
	}
	one.end()
	if wasCurrent {
		s.traffic.Ended(one.Peer)
	}
	switch remote := one.reported(); {
	case errors.Is(err, session.ErrExit):
	case errors.Is(err, session.ErrPeerExit):
		s.emit(event.Left{Remote: remote})
	case wasCurrent:
		s.emit(event.Lost{Remote: remote, Err: err})
	case s.strangers.Failure(time.Now(), remote.Addr.Addr(), mute.Kind(err), s.sayFailures) > 0:
		s.emit(event.Failed{Remote: remote, Err: err})
	}
	if wasCurrent || s.current() == nil {
		s.judge(err)
	}
	s.notify()
}

func (s *sessions) sayFailures(n int) {
	s.emit(event.MoreFailed{N: n})
}

// remark reports a text, unless it is empty.
func (s *sessions) remark(text string) {
	if text != "" {
		s.emit(event.Remark{Text: text})
	}
}
