package server

import (
	"fmt"
	"testing"
	"time"
)

// TestTwinsAreAskedAboutOnce an hour, each name for itself, however many there are.
func TestTwinsAreAskedAboutOnce(t *testing.T) {
	var all twins
	now := time.Unix(1e9, 0)
	for i, c := range []struct {
		name  string
		after time.Duration
		want  bool
	}{{"anna", 0, false}, {"anna", time.Minute, true}, {"bert", time.Minute, false}, {"anna", askAgain - time.Second, true}, {"anna", askAgain, false}, {"anna", askAgain + time.Minute, true}} {
		if got := all.again(c.name, now.Add(c.after)); got != c.want {
			t.Errorf("%d: %s: %v", i, c.name, got)
		}
	}
	for n := range 3 * maxTwins {
		all.again(fmt.Sprint(n), now)
	}
	if len(all.said) > maxTwins {
		t.Errorf("%d names", len(all.said))
	}
}
