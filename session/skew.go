package session

import (
	"fmt"
	"time"

	"culvert/access/pki"
	"culvert/internal/mute"
)

// sameClock is how far two clocks may be apart and count as the same: a peer's
// packets say when it sent its first.
const sameClock = 5 * time.Minute

// peerClock returns by how much the peer's clock is ahead of this host's, as its
// packets say; ok is false where they do not: without armour.
func (c *control) peerClock() (ahead time.Duration, ok bool) {
	_, at := c.port.wrapper.LastID()
	if at == 0 {
		return 0, false
	}
	return time.Unix(int64(at), 0).Sub(c.data.born), true
}

// skew is what to say beside the stage of a handshake with a peer whose clock is another:
// it takes certificates for expired, or not yet valid, that are neither.
func (c *control) skew(now time.Time) string {
	ahead, ok := c.peerClock()
	if !ok || ahead.Abs() < sameClock {
		return ""
	}
	return fmt.Sprintf("the peer's clock says %s, this host's %s: set the one that is wrong, since certificates are judged by both", stamp(now.Add(ahead)), stamp(now))
}

// clocked adds the peer's clock to an error that may come from a wrong one.
func (c *control) clocked(now time.Time, err error) error {
	if !pki.AboutTime(err) && !alertsTime(err) {
		return err
	}
	ahead, ok := c.peerClock()
	if !ok {
		return err
	}
	return &clockError{err: err, peer: now.Add(ahead), same: ahead.Abs() < sameClock}
}

// clockError is an error that may come from a wrong clock, with what the peer's says.
type clockError struct {
	err  error
	peer time.Time
	same bool // as this host's
}

func (e *clockError) Error() string {
	if e.same {
		return e.err.Error() + "; the peer's clock says " + stamp(e.peer) + ", as this host's does: the times of the certificate are wrong, and not a clock"
	}
	return e.err.Error() + "; the peer's clock says " + stamp(e.peer) + ", which is not what this host's says: set the one that is wrong"
}

func (e *clockError) Unwrap() error { return e.err }

// Kind is the text without what depends on the clocks. See mute.Kind.
func (e *clockError) Kind() string { return mute.Kind(e.err) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
