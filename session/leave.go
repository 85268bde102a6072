package session

import "time"

const (
	// noticeInterval lies between exit notices on the data channel, which nobody
	// acknowledges.
	noticeInterval = time.Second
	// refusalTime is how long a refused client is given to hear of it.
	refusalTime = 5 * time.Second
	// dismissalTime is how long a last message is given to arrive.
	dismissalTime = 2 * time.Second
)

// leave is a session's end that the peer is told of first. The zero value is not
// under way.
type leave struct {
	until   time.Time // no longer than this
	noted   bool      // the peer is told by exit notices on the data channel
	notices int       // that are still to be sent
	next    time.Time // when to send the next
}

// begin ends the session when every control message was acknowledged, and at
// the latest after a time.
func (l *leave) begin(now time.Time, most time.Duration) { *l = leave{until: now.Add(most)} }

// notify ends the session a second after the last of that many exit notices.
func (l *leave) notify(now time.Time, notices int) {
	l.begin(now, time.Duration(notices)*noticeInterval)
	l.noted, l.notices, l.next = true, notices, now
}

// underWay reports whether the session is ending.
func (l *leave) underWay() bool { return !l.until.IsZero() }

// noticeDue reports whether an exit notice is to be sent now. It counts as sent.
func (l *leave) noticeDue(now time.Time) bool {
	if l.notices == 0 || now.Before(l.next) {
		return false
	}
	l.notices--
	l.next = l.next.Add(noticeInterval)
	return true
}

// over reports whether the session ends now; delivered says that the peer has
// acknowledged every control message.
func (l *leave) over(now time.Time, delivered bool) bool {
	return l.underWay() && (!now.Before(l.until) || !l.noted && delivered)
}

// deadline is when noticeDue or over may change its answer, zero for never.
func (l *leave) deadline() time.Time {
	if l.notices > 0 {
		return l.next
	}
	return l.until
}
