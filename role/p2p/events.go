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
func (h *Host) onEvent(p *tunnel.Peer, now time.Time, e session.Event) {
	s := p.Owner.(*side)
	switch e := e.(type) {
	case session.Established:
		h.established(s, now, e)
	case session.Rekeyed:
		h.shows(s, now, e.TLS)
		h.emit(profile.Reported(e, s.reported()))
	case session.Idle:
		h.end(errInactive)
	case session.Closed:
		h.ended(s, e.Err)
	default:
		if said := profile.Reported(e, s.reported()); said != nil {
			h.emit(said)
		}
	}
}

// established makes a session the one that carries packets.
func (h *Host) established(s *side, now time.Time, e session.Established) {
	if h.shows(s, now, e.TLS) {
		return
	}
	h.promote(s)
	h.emit(profile.Reported(e, s.reported()))
	h.up(s)
}

// up says that packets can pass.
func (h *Host) up(s *side) {
	h.notify()
	ipv4, ipv6 := profile.Inner(h.cfg.Adapter)
	h.emit(event.Up{Remote: s.reported(), Adapter: h.adapter.Name(), IPv4: ipv4, IPv6: ipv6})
	if h.opts.Ready != nil {
		h.opts.Ready(h)
	}
}

// Restart ends the session with the other host and begins another. Socket and
// adapter stay. Two hosts that share a static key have none to end.
func (h *Host) Restart() {
	for _, s := range h.sides.all() {
		s.Do(func(time.Time) { s.Session.Close() })
	}
}

// ended forgets a session.
func (h *Host) ended(s *side, err error) {
	wasCurrent := h.sides.drop(s)
	s.end()
	if wasCurrent {
		h.traffic.Ended(s.Peer)
	}
	switch remote := s.reported(); {
	case errors.Is(err, session.ErrExit):
	case errors.Is(err, session.ErrPeerExit):
		h.emit(event.Left{Remote: remote})
	case wasCurrent:
		h.emit(event.Lost{Remote: remote, Err: err})
	case h.strangers.Failure(time.Now(), remote.Addr.Addr(), mute.Kind(err), h.sayFailures) > 0:
		h.emit(event.Failed{Remote: remote, Err: err})
	}
	if wasCurrent || h.Peer() == nil {
		h.judge(err)
	}
	h.notify()
}

func (h *Host) sayFailures(n int) {
	h.emit(event.MoreFailed{N: n})
}
