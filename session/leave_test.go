package session

import (
	"testing"
	"time"
)

// TestLeaveByMessage: over once it was acknowledged, or in time.
func TestLeaveByMessage(t *testing.T) {
	var l leave
	if l.underWay() || l.over(virtual, true) || !l.deadline().IsZero() {
		t.Error("a session ends of which nobody has said so")
	}
	l.begin(virtual, 5*time.Second)
	if !l.underWay() || l.noticeDue(virtual) || !l.deadline().Equal(virtual.Add(5*time.Second)) {
		t.Errorf("%+v", l)
	}
	for after, c := range map[time.Duration]struct{ delivered, over bool }{
		0: {true, true}, 5*time.Second - 1: {false, false}, 5 * time.Second: {false, true},
	} {
		if got := l.over(virtual.Add(after), c.delivered); got != c.over {
			t.Errorf("after %v, delivered %v: %v", after, c.delivered, got)
		}
	}
}

// TestLeaveByNotices: each a second after the one before, and over a second after
// the last, whatever was delivered.
func TestLeaveByNotices(t *testing.T) {
	var l leave
	l.notify(virtual, 2)
	for _, step := range []struct {
		after     time.Duration
		due, over bool
		next      time.Duration
	}{
		{0, true, false, time.Second}, {0, false, false, time.Second},
		{time.Second - 1, false, false, time.Second}, {time.Second, true, false, 2 * time.Second},
		{2*time.Second - 1, false, false, 2 * time.Second}, {2 * time.Second, false, true, 2 * time.Second},
	} {
		now := virtual.Add(step.after)
		if due, over := l.noticeDue(now), l.over(now, true); due != step.due || over != step.over {
			t.Errorf("after %v: due %v, over %v", step.after, due, over)
		}
		if next := l.deadline(); !next.Equal(virtual.Add(step.next)) {
			t.Errorf("after %v: next in %v", step.after, next.Sub(virtual))
		}
	}
}
