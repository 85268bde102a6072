package profile

import (
	"errors"
	"testing"

	"culvert/config"
	"culvert/session"
)

// TestRemap: SIGTERM ends, SIGHUP has the configuration read again, and nothing else does.
func TestRemap(t *testing.T) {
	for as, want := range map[string]struct {
		ends    bool
		reloads int
	}{"": {}, "SIGTERM": {ends: true}, "SIGHUP": {reloads: 1}} {
		reloads := 0
		end := Remap(&config.Config{Process: config.Process{RemapUSR1: as}}, session.ErrPingTimeout, func() { reloads++ })
		if (end != nil) != want.ends || reloads != want.reloads {
			t.Errorf("%q: %v, %d", as, end, reloads)
		}
		if end != nil && (!errors.Is(end, session.ErrPingTimeout) || !errors.Is(end, ErrRemapped)) {
			t.Error(end)
		}
	}
}
