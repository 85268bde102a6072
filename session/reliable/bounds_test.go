package reliable

import (
	"testing"
	"time"

	"culvert/session/wire"
)

func TestFollow(t *testing.T) {
	measured := New(0, time.Second)
	measured.Measured(300 * time.Millisecond)
	for name, c := range map[string]struct {
		before *Channel
		want   time.Duration
	}{"nothing": {nil, timeout}, "one that measured nothing": {New(0, time.Second), timeout}, "one that did": {measured, 900 * time.Millisecond}} {
		ch := New(0, timeout)
		if ch.Follow(c.before); ch.timeout.value() != c.want {
			t.Errorf("after %s: %v, want %v", name, ch.timeout.value(), c.want)
		}
	}
}

// TestVariation follows RFC 6298, section 2.
func TestVariation(t *testing.T) {
	const ms = time.Millisecond
	var r roundTrip
	for _, c := range []struct{ rtt, smoothed, vary time.Duration }{{800 * ms, 800 * ms, 400 * ms}, {800 * ms, 800 * ms, 300 * ms}, {1600 * ms, 900 * ms, 425 * ms}, {900 * ms, 900 * ms, 318750 * time.Microsecond}} {
		if r.measure(c.rtt); r.smoothed != c.smoothed || r.vary != c.vary {
			t.Errorf("after %v: %v and %v, want %v and %v", c.rtt, r.smoothed, r.vary, c.smoothed, c.vary)
		}
	}
}

func TestGap(t *testing.T) {
	c := New(0, timeout)
	for _, step := range []struct {
		id   wire.PacketID
		want bool
	}{{0, false}, {2, true}, {3, true}, {1, false}} {
		if c.Receive(wire.PControlV1, step.id, nil); c.Gap() != step.want {
			t.Errorf("after packet %d: a gap %v", step.id, c.Gap())
		}
	}
}

// TestOwedAcknowledgementsAreBounded: also where nobody polls.
func TestOwedAcknowledgementsAreBounded(t *testing.T) {
	c := New(0, timeout)
	for id := range wire.PacketID(10 * receiveWindow) {
		c.Receive(wire.PControlV1, id, nil)
	}
	if len(c.owed) != 2*receiveWindow {
		t.Errorf("%d are owed", len(c.owed))
	}
}
