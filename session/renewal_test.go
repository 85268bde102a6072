package session

import (
	"testing"
	"time"

	"culvert/session/seal"
)

// virtual is when tests of machines begin.
var virtual = time.Unix(1_800_000_000, 0)

// usedKeys are keys that have been used that much.
type usedKeys struct {
	used seal.Usage
	due  bool
}

func (k usedKeys) Usage() seal.Usage { return k.used }
func (k usedKeys) Due() bool         { return k.due }

// TestKeysAreUsedUp: as much as is set renews them, one less does not.
func TestKeysAreUsedUp(t *testing.T) {
	used := seal.Usage{Sent: 2, Received: 1, SentBytes: 200, ReceivedBytes: 100}
	for _, c := range []struct {
		Config
		due  bool // by the limit of the cipher
		want bool
		next time.Duration
	}{
		{Config{RenegBytes: 300}, false, true, usageInterval},
		{Config{RenegBytes: 301}, false, false, usageInterval},
		{Config{RenegPackets: 3}, false, true, usageInterval},
		{Config{RenegPackets: 4}, false, false, usageInterval},
		{Config{RenegBytes: 301, RenegPackets: 4}, false, false, usageInterval},
		{Config{}, false, false, cipherUsageInterval},
		{Config{}, true, true, cipherUsageInterval},
		{Config{Limits: seal.Limits{Packets: 1}}, true, true, usageInterval},
	} {
		r := newRenewal(&c.Config)
		r.schedule(virtual)
		keys := usedKeys{used, c.due}
		if r.due(virtual.Add(c.next-1), keys) {
			t.Errorf("%+v: renewed between two looks", c)
		}
		if got := r.due(virtual.Add(c.next), keys); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
		if got := r.looksAt(); !got.Equal(virtual.Add(2 * c.next)) {
			t.Errorf("%+v: looks again after %v", c, got.Sub(virtual))
		}
	}
}

// TestKeysAge: keys are renewed at their age, to the nanosecond, used or not.
func TestKeysAge(t *testing.T) {
	r := newRenewal(&Config{RenegAfter: time.Hour})
	r.schedule(virtual)
	if r.due(virtual.Add(time.Hour-1), usedKeys{}) || !r.due(virtual.Add(time.Hour), usedKeys{}) {
		t.Error("not renewed at their age")
	}
	first := virtual.Add(24 * time.Hour)
	r.schedule(virtual)
	r.deadlines(func(at time.Time) {
		if at.Before(first) {
			first = at
		}
	})
	if !first.Equal(virtual.Add(cipherUsageInterval)) {
		t.Errorf("looked at after %v", first.Sub(virtual))
	}
}

// TestAgeIsDrawn: the age of keys lies anywhere between the two values of
// reneg-sec, both included.
func TestAgeIsDrawn(t *testing.T) {
	r := newRenewal(&Config{RenegAfter: 2, RenegLeast: 1})
	drawn := map[time.Duration]int{}
	for range 200 {
		r.schedule(virtual)
		drawn[r.at.Sub(virtual)]++
	}
	if drawn[1] == 0 || drawn[2] == 0 || len(drawn) != 2 {
		t.Errorf("drawn %v", drawn)
	}

	r = newRenewal(&Config{RenegAfter: time.Hour, RenegLeast: 30 * time.Minute})
	early, late := false, false
	for range 1000 {
		r.schedule(virtual)
		age := r.at.Sub(virtual)
		if age < 30*time.Minute || age > time.Hour {
			t.Fatalf("age %v", age)
		}
		early, late = early || age < 35*time.Minute, late || age > 55*time.Minute
	}
	if !early || !late {
		t.Errorf("drawn early %v, late %v", early, late)
	}

	r = newRenewal(&Config{RenegLeast: 1})
	if r.schedule(virtual); !r.at.IsZero() {
		t.Error("keys are renewed by an age that is not set")
	}
}

// TestPeerRenewsAtMostEachSecond: counted from the last keys and the last
// attempt; and what this side hastens keeps to it.
func TestPeerRenewsAtMostEachSecond(t *testing.T) {
	for name, c := range map[string]struct {
		installed, begun time.Duration // ago
		allowed          bool
		hastened         time.Duration // from now
	}{
		"both long ago":           {time.Hour, time.Hour, true, 0},
		"keys a second ago":       {minKeyAge, time.Hour, true, 0},
		"keys just now":           {minKeyAge - 1, time.Hour, false, 0},
		"an attempt a second ago": {time.Hour, minKeyAge, true, 0},
		"an attempt just now":     {time.Hour, minKeyAge - 1, false, 1},
	} {
		r := newRenewal(&Config{RenegAfter: time.Hour})
		r.begun = virtual.Add(-c.begun)
		if got := r.allows(virtual, virtual.Add(-c.installed)); got != c.allowed {
			t.Errorf("%s: %v", name, got)
		}
		if r.hasten(virtual); !r.at.Equal(virtual.Add(c.hastened)) {
			t.Errorf("%s: hastened by %v", name, r.at.Sub(virtual))
		}
	}
}
