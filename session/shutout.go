package session

import "time"

// ShutOut ends a server's session whose peer may not be here any longer: from
// now on no packet of data passes in either direction, the peer is told the
// reason (AUTH_FAILED, upon which clients do not come back by themselves), and
// the session ends when it has that, or after a while.
func (s *Session) ShutOut(now time.Time, reason string) {
	if s.err != nil {
		return
	}
	if s.awaitsVerdict() == nil {
		s.Refuse(now, reason)
		return
	}
	s.ring.Close()
	if s.talking() == nil {
		s.fail(ErrExit)
		return
	}
	if s.leaving == nil {
		s.Send(authFailed(reason))
		s.leaving = &leaving{until: now.Add(refusalTime)}
	}
}
