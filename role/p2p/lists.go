package p2p

import (
	"context"
	"crypto/tls"
	"time"

	"culvert/role/event"
)

// keepLists has the revocation lists read again as they change, and the other
// host looked up in them, until the function it returns is called.
func (s *sessions) keepLists(ctx context.Context) (stop func()) {
	return s.Main.Trust.Keep(ctx, func() {
		for _, one := range s.sides.all() {
			one.Do(func(now time.Time) { s.recheck(one, now) })
		}
	})
}

// shows notes the other host's certificate, which TLS found good. Lists may have
// changed between that and now.
func (s *sessions) shows(one *side, now time.Time, state tls.ConnectionState) (revoked bool) {
	if s.Main.Trust == nil {
		return false
	}
	one.presented = s.Main.Trust.Way(state.PeerCertificates)
	return s.recheck(one, now)
}

// recheck ends a session with a host whose certificate, or one above it, is
// revoked. It is refused from then on, until a list says otherwise.
func (s *sessions) recheck(one *side, now time.Time) (revoked bool) {
	err := s.Main.Trust.Revoked(one.presented, now)
	if err == nil || one.Session.Err() != nil {
		return false
	}
	s.emit(event.Revoked{Remote: one.reported(), Err: err})
	one.Session.Close()
	return true
}
