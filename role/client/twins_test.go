package client

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"culvert/session"
)

// TestTwins: three short connections in a row that the server ended make one remark.
// Long ones, tries that fail between, and ends for reasons that are known do not.
func TestTwins(t *testing.T) {
	lost := func(err error) error { return fmt.Errorf("x: %w", &lostError{err}) }
	silence, closed, failed := lost(session.ErrPingTimeout), lost(io.EOF), errors.New("no answer")
	for name, c := range map[string]struct {
		ends []error
		up   time.Duration // how long each was, except for failed tries
		want int
	}{
		"silence":         {[]error{silence, silence, silence, silence, silence, silence, silence}, time.Minute, 1},
		"closed":          {[]error{closed, closed, closed}, time.Second, 1},
		"told to restart": {[]error{lost(&session.RestartError{}), closed, silence}, time.Second, 1},
		"twice":           {[]error{silence, silence}, time.Minute, 0},
		"long ones":       {[]error{silence, silence, silence, silence}, time.Hour, 0},
		"failures":        {[]error{silence, silence, failed, silence, silence, failed, silence}, time.Minute, 0},
		"the server left": {[]error{lost(session.ErrPeerExit), lost(session.ErrPeerExit), lost(session.ErrPeerExit)}, time.Minute, 0},
		"this host moved": {[]error{lost(errMoved), lost(errMoved), lost(errMoved)}, time.Minute, 0},
		"asked for":       {[]error{ErrRestart, ErrRestart, ErrRestart}, time.Minute, 0},
		"refused":         {[]error{lost(&session.AuthFailedError{}), silence, silence}, time.Minute, 0},
	} {
		var w twins
		now, said := time.Unix(1_800_000_000, 0), 0
		for _, why := range c.ends {
			if why != failed {
				w.up(now)
				now = now.Add(c.up)
			}
			if w.ended(now, why) != "" {
				said++
			}
		}
		if said != c.want {
			t.Errorf("%s: said %d times, want %d", name, said, c.want)
		}
	}
}
