package session

import "time"

// noticeInterval lies between exit notices on the data channel, which nobody
// acknowledges.
const noticeInterval = time.Second

// leaving is a session that ends once the peer has been told.
type leaving struct {
	until   time.Time // no longer than this
	notices int       // exit notices on the data channel still to send
	at      time.Time // when to send the next
}

// Exit tells the peer that this side ends, and then ends the session: by EXIT
// where the peer takes it, else by notices on the data channel, a second apart.
// With no notices, or nothing established, it ends at once.
func (s *Session) Exit(now time.Time, notices int) {
	if s.err != nil || s.leaving != nil {
		return
	}
	if !s.carries() || notices <= 0 {
		s.fail(ErrExit)
		return
	}
	s.leaving = &leaving{until: now.Add(time.Duration(notices) * noticeInterval)}
	if s.params.CCExit {
		s.Send("EXIT")
		return
	}
	s.leaving.notices, s.leaving.at = notices, now
}

// Dismiss sends a last control message, such as RESTART, and ends the session
// when it was acknowledged, or after a while.
func (s *Session) Dismiss(now time.Time, text string) {
	if s.err != nil || s.leaving != nil {
		return
	}
	s.Send(text)
	s.leaving = &leaving{until: now.Add(2 * time.Second)}
}

// PeerExited takes the exit notice that Open found on the data channel.
func (s *Session) PeerExited() { s.fail(ErrPeerExit) }

// LinkClosed ends a session whose connection was closed, for that reason.
func (s *Session) LinkClosed(err error) { s.fail(err) }

func (s *Session) advanceLeaving(now time.Time) {
	l := s.leaving
	if l == nil {
		return
	}
	if !now.Before(l.until) || l.at.IsZero() && s.delivered() {
		s.fail(ErrExit)
	}
}

// delivered reports that every control message was acknowledged.
func (s *Session) delivered() bool {
	g := s.talking()
	return g == nil || g.tls.out.empty() && g.ch.Idle()
}

// next is when the session wants to be asked again.
func (l *leaving) next() time.Time {
	if l.notices > 0 {
		return l.at
	}
	return l.until
}
