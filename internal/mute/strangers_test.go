package mute

import (
	"net/netip"
	"testing"
	"time"
)

func TestStrangers(t *testing.T) {
	var s Strangers
	now := time.Unix(1_800_000_000, 0)
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	if !s.Allow(now, at(0)) || s.Allow(now.Add(strangerInterval-1), at(0)) {
		t.Error("a stranger is not logged once a minute")
	}
	if !s.Allow(now.Add(strangerInterval), at(0)) {
		t.Error("a stranger is logged once only")
	}
	for i := range 200 {
		s.Allow(now.Add(strangerInterval), at(i))
	}
	if len(s.seen) != maxStrangers {
		t.Errorf("%d strangers are kept", len(s.seen))
	}
	if s.Allow(now.Add(strangerInterval), at(201)) {
		t.Error("a flood of strangers is logged")
	}
	if s.Allow(now.Add(2*strangerInterval-1), at(201)) {
		t.Error("a stranger is forgotten before its minute is over")
	}
	if !s.Allow(now.Add(2*strangerInterval), at(201)) {
		t.Error("nobody is logged after a flood")
	}
}

// TestFailures: a limited number of failed handshakes a minute are logged one by
// one, and the others summed up.
func TestFailures(t *testing.T) {
	var s Strangers
	defer s.Stop()
	begin := time.Unix(1_800_000_000, 0)
	for _, now := range []time.Time{begin, begin.Add(time.Minute)} {
		for i := range 2 * maxFailures {
			if got := s.Failure(now.Add(time.Duration(i)), address(i), now.String(), func(int) {}); (got == 1) != (i < maxFailures) {
				t.Errorf("failure %d is logged: %d", i+1, got)
			}
		}
		if s.Failure(now.Add(time.Minute-1), address(0), "another kind", func(int) {}) > 0 {
			t.Error("the minute was over too soon")
		}
	}
}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }

// TestSameFailure: the same failure of one address is logged once a minute, with
// how often it came; another failure or address is logged at once.
func TestSameFailure(t *testing.T) {
	var s Strangers
	defer s.Stop()
	begin := time.Unix(1_800_000_000, 0)
	for i, want := range []struct {
		after time.Duration
		from  int
		kind  string
		times int
	}{
		{0, 1, "version", 1}, {time.Second, 1, "version", 0}, {2 * time.Second, 1, "certificate", 1}, {2 * time.Second, 2, "version", 1},
		{59 * time.Second, 1, "version", 0}, {time.Minute, 1, "version", 4}, {61 * time.Second, 1, "version", 0}, {3 * time.Minute, 1, "version", 6},
		{20 * time.Minute, 1, "version", 1},
	} {
		if got := s.Failure(begin.Add(want.after), address(want.from), want.kind, func(int) {}); got != want.times {
			t.Errorf("step %d: %d times, want %d", i, got, want.times)
		}
	}
	for i := range 300 {
		s.Failure(begin.Add(time.Duration(i)*time.Minute), address(i), "version", func(int) {})
	}
	if len(s.failures) > maxStrangers {
		t.Errorf("%d failures are kept", len(s.failures))
	}
}
