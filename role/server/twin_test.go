package server_test

import (
	"testing"
	"time"

	"culvert/internal/simnet"
)

// TestTwin: of two devices with one profile, the one that is cut off says so at
// once, has no server any more, and does not put the other one out again before
// a minute has passed.
func TestTwin(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("")
		first := w.connect("anna", "")
		second := w.connect("anna", "")
		time.Sleep(2 * time.Second)
		if !logged(&first.process, "another connection with this client's name") || first.Server() != nil {
			t.Errorf("the one cut off has a server: %v", first.Server() != nil)
		}
		exchange(t, s, second)
		time.Sleep(50 * time.Second)
		exchange(t, s, second)
		if got := s.Server.Clients(); len(got) != 1 {
			t.Errorf("%d clients", len(got))
		}
		first.up(time.Minute)
		exchange(t, s, first)
	})
}
