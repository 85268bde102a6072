package p2p

import (
	"context"
	"crypto/tls"
	"time"

	"culvert/role/event"
)

// keepLists has the revocation lists read again as they change, and the other
// host looked up in them, until the function it returns is called.
func (h *Host) keepLists(ctx context.Context) (stop func()) {
	return h.main.trust.Keep(ctx, func() {
		for _, s := range h.sides.all() {
			s.Do(func(now time.Time) { h.recheck(s, now) })
		}
	})
}

// shows notes the other host's certificate, which TLS found good. Lists may have
// changed between that and now.
func (h *Host) shows(s *side, now time.Time, state tls.ConnectionState) (revoked bool) {
	if h.main.trust == nil {
		return false
	}
	s.presented = h.main.trust.Way(state.PeerCertificates)
	return h.recheck(s, now)
}

// recheck ends a session with a host whose certificate, or one above it, is
// revoked. It is refused from then on, until a list says otherwise.
func (h *Host) recheck(s *side, now time.Time) (revoked bool) {
	err := h.main.trust.Revoked(s.presented, now)
	if err == nil || s.Session.Err() != nil {
		return false
	}
	h.emit(event.Revoked{Remote: s.reported(), Err: err})
	s.Session.Close()
	return true
}
