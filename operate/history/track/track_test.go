package track

import (
	"testing"
	"time"

	"culvert/operate/backend"
)

// TestFirstCause: a session ended for the first reason for which the server sent it away,
// whatever came after that and whatever its end is called.
func TestFirstCause(t *testing.T) {
	for name, test := range map[string]struct {
		cuts  []string
		left  string
		why   string
		cause Cause
	}{
		"sent away":       {[]string{"disconnected by the operator"}, "session ended by this side", "disconnected by the operator", CutOff},
		"twice":           {[]string{"disconnected by the operator", "another client of its name takes its place"}, "", "disconnected by the operator", CutOff},
		"without a word":  {[]string{"", "another client of its name takes its place"}, "", "it was sent away", CutOff},
		"by itself":       {nil, "it said that it leaves", "it said that it leaves", Left},
		"nothing is said": {nil, "", "it is gone", Left},
	} {
		var ended *Live
		tracker := New("gate", nil, func(c Change, l *Live) {
			if c == Ended {
				ended = l
			}
		})
		n := uint64(3)
		event := func(kind backend.Kind, reason string) backend.Event {
			return backend.Event{Time: time.Unix(100, 0), Kind: kind, Number: &n, Name: "pc", Reason: reason, Ending: "left"}
		}
		tracker.Take(event(backend.Up, ""))
		for _, reason := range test.cuts {
			tracker.Take(event(backend.CutOff, reason))
		}
		tracker.Take(event(backend.Left, test.left))
		if ended == nil || ended.Why != test.why || ended.Cause != test.cause {
			t.Errorf("%s: %+v", name, ended)
			continue
		}
		if last := ended.Life[len(ended.Life)-1]; last.Text != test.why {
			t.Errorf("%s: its life ends by %+v", name, last)
		}
	}
}
