package p2p

import (
	"errors"
	"time"

	"culvert/internal/mute"
	"culvert/role/profile"
	"culvert/session"
	"culvert/tunnel"
)

// onEvent takes what a session reports, on its control goroutine.
func (h *Host) onEvent(p *tunnel.Peer, now time.Time, e session.Event) {
	s := p.Owner.(*side)
	switch e := e.(type) {
	case session.Delayed:
		h.log.Warn("still connecting: "+e.Stage, "remote", s.Path().Remote)
	case session.Established:
		h.established(s, now, e)
	case session.Rekeyed:
		h.shows(s, now, e.TLS)
		h.log.Info("Control Channel: " + profile.Describe(e.TLS))
		h.log.Info("keys renewed", "key", e.Key)
	case session.RekeyFailed:
		h.log.Warn("renewing keys failed, the old ones stay in use; it will be tried again", "error", e.Err)
	case session.Idle:
		h.end(errInactive)
	case session.Remark:
		h.log.Warn(e.Text)
	case session.Info:
		h.log.Info("message from the other host", "text", e.Text)
	case session.Closed:
		h.ended(s, e.Err)
	}
}

// established makes a session the one that carries packets.
func (h *Host) established(s *side, now time.Time, e session.Established) {
	if h.shows(s, now, e.TLS) {
		return
	}
	h.promote(s)
	h.log.Info("Control Channel: " + profile.Describe(e.TLS))
	h.log.Info("Data Channel: "+e.Params.Describe(), "peer-id", e.Params.PeerID)
	h.up(s.Path().Remote.String())
}

// up says that packets can pass.
func (h *Host) up(remote string) {
	h.notify()
	h.log.Info("Initialization Sequence Completed", "adapter", h.adapter.Name(), "remote", remote)
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
	switch remote := s.Path().Remote; {
	case errors.Is(err, session.ErrExit):
	case errors.Is(err, session.ErrPeerExit):
		h.log.Info("the other host left", "remote", remote)
	case wasCurrent:
		h.log.Warn("connection lost", "remote", remote, "reason", err)
	case h.strangers.Failure(time.Now(), remote.Addr(), mute.Kind(err), h.sayFailures) > 0:
		h.log.Warn("no connection", "remote", remote, "reason", err)
	}
	if wasCurrent || h.Peer() == nil {
		h.judge(err)
	}
	h.notify()
}

func (h *Host) sayFailures(n int) {
	h.log.Warn("more connections did not come up, beside those named above", "how-many", n)
}
