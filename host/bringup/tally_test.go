package bringup

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestTally counts what was learned while it counts, and says what was not.
func TestTally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full error
		var c tally
		learn := c.of(func(context.Context, []netip.Addr, time.Duration) error { return full })
		a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
		for _, s := range []struct {
			full error
			addr netip.Addr
			life time.Duration
			wait time.Duration
			n    int
		}{{nil, a, time.Hour, 0, 1}, {nil, a, time.Minute, 0, 1}, {nil, b, time.Minute, 0, 2}, {errors.New("full"), netip.MustParseAddr("192.0.2.2"), time.Hour, 0, 2}, {nil, b, time.Minute, 2 * time.Minute, 1}} {
			full = s.full
			if err := learn(t.Context(), []netip.Addr{s.addr}, s.life); !errors.Is(err, s.full) {
				t.Error(err)
			}
			time.Sleep(s.wait)
			if n, trouble := c.now(); n != s.n || !errors.Is(trouble, s.full) {
				t.Errorf("%+v: %d, %v", s, n, trouble)
			}
		}
	})
}
