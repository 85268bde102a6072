package client

import (
	"errors"
	"time"

	"culvert/session"
)

// What makes a client suspect that another device has its profile.
const (
	maxShort   = 10 * time.Minute // a connection that is lost sooner is a short one
	manyShort  = 3                // that many in a row are no accident
	twinsWords = "the connection was lost three times in a row, each time within minutes, and the server took this client back at once: " +
		"is the same profile in use on two devices? A server keeps one client of a name, and drops the one before, mostly without a word: " +
		"give each device a profile of its own (or write `duplicate-cn` at the server)"
)

// twins notices two devices that have one profile, and push each other out. It belongs
// to Run.
type twins struct {
	since time.Time // when the connection was up; zero: there is none
	short int       // connections in a row that were lost soon
	said  bool
}

// up takes note of a connection that is up.
func (t *twins) up(now time.Time) { t.since = now }

// ended takes note of the end of a connection, or of a try to have one. The result is
// what to say, "" for nothing.
func (t *twins) ended(now time.Time, why error) string {
	lasted, was := now.Sub(t.since), !t.since.IsZero()
	t.since = time.Time{}
	if !was || lasted > maxShort || !dropped(why) {
		t.short = 0
		return ""
	}
	if t.short++; t.short < manyShort || t.said {
		return ""
	}
	t.said = true
	return twinsWords
}

// dropped reports whether the end of a connection looks like that of a client which the
// server has dropped: silence, a closed TCP connection, or a request to connect anew.
func dropped(why error) bool {
	var lost *lostError
	if !errors.As(why, &lost) || errors.Is(why, errMoved) || errors.Is(why, ErrRestart) || errors.Is(why, session.ErrUntrusted) {
		return false
	}
	return !errors.Is(why, session.ErrPeerExit) && !errors.As(why, new(*session.AuthFailedError))
}
