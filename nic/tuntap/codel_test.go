package tuntap

import (
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// standing makes a packet leave every millisecond from begin to end, each after
// waiting that long, and returns when packets were dropped.
func (c *codel) standingQueue(begin, end, waited time.Duration) (dropped []time.Duration) {
	for now := begin; now < end; now += ms {
		if c.drop(now, waited, false) {
			dropped = append(dropped, now)
		}
	}
	return dropped
}

func TestCodelLeavesShortQueuesAlone(t *testing.T) {
	var c codel
	if at := c.standingQueue(0, 10*time.Second, codelTarget-1); at != nil {
		t.Errorf("dropped at %v", at)
	}
}

// Bursts wait for longer than the target, and are gone within an interval.
func TestCodelLeavesBurstsAlone(t *testing.T) {
	var c codel
	for burst := range 20 {
		begin := time.Duration(burst) * 200 * ms
		if at := c.standingQueue(begin, begin+99*ms, 50*ms); at != nil {
			t.Errorf("dropped at %v", at)
		}
		c.drop(begin+99*ms, 0, false)
	}
}

// The times are those of RFC 8289's control law: an interval after the queue
// began to stand, and then every interval divided by the root of the number.
func TestCodelDropsOfAStandingQueue(t *testing.T) {
	var c codel
	got := c.standingQueue(1000*ms, 1400*ms, codelTarget)
	want := []time.Duration{1100 * ms, 1200 * ms, 1271 * ms, 1329 * ms, 1379 * ms}
	if !slices.Equal(got, want) {
		t.Errorf("dropped at %v, want %v", got, want)
	}
}

func TestCodelEndsWithTheQueue(t *testing.T) {
	for name, end := range map[string]func(*codel){
		"short":      func(c *codel) { c.drop(1200*ms, codelTarget-1, false) },
		"the last's": func(c *codel) { c.drop(1200*ms, time.Second, true) },
	} {
		var c codel
		c.standingQueue(1000*ms, 1150*ms, 20*ms)
		end(&c)
		if at := c.standingQueue(1201*ms, 1301*ms, 20*ms); at != nil {
			t.Errorf("%s queue: dropped at %v", name, at)
		}
	}
}

// A queue that stands again soon drops packets at the last rate.
func TestCodelRemembersItsRate(t *testing.T) {
	first := func(pause time.Duration) time.Duration {
		var c codel
		c.standingQueue(0, 1000*ms, 20*ms)
		c.drop(1000*ms, 0, false)
		at := c.standingQueue(1000*ms+pause, 2000*ms+pause, 20*ms)
		return at[1] - at[0]
	}
	if soon, late := first(10*ms), first(10*time.Second); soon > 40*ms || late != codelInterval {
		t.Errorf("second drop %v after the first when the queue stood before, %v when that is long ago", soon, late)
	}
}
