package session

import "time"

// ShutOut ends a server's session whose peer may not be here any longer: from
// now on no packet of data passes in either direction, the peer is told the
// reason (AUTH_FAILED, upon which clients do not come back by themselves), and
// the session ends when it has that, or after a while. It reports false where the
// session had ended, or was on its way to.
func (s *Session) ShutOut(now time.Time, reason string) bool {
	if s.err != nil {
		return false
	}
	if s.awaitsVerdict() == nil {
		s.Refuse(now, reason)
		return true
	}
	s.data.ring.Close()
	if s.talking() == nil {
		s.fail(ErrExit)
		return true
	}
	if s.leaving != nil {
		return false
	}
	s.Send(authFailed(reason))
	s.leaving = &leaving{until: now.Add(refusalTime)}
	return true
}
