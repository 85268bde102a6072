package session

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/session/negotiate"
)

// TestPullAsksLessAndLess: at once, and then at intervals that grow to five
// seconds, until the reply is whole.
func TestPullAsksLessAndLess(t *testing.T) {
	var p pull
	if p.asking() || p.due(virtual) {
		t.Error("it asks before there are keys")
	}
	p.begin(virtual)
	now := virtual
	for _, wait := range []time.Duration{0, 1, 2, 3, 4, 5, 5, 5} {
		at := now.Add(wait * time.Second)
		if wait > 0 && p.due(at.Add(-1)) || !p.due(at) || !p.asking() {
			t.Fatalf("not due after %v", at.Sub(virtual))
		}
		now = at
	}
	if options, whole, err := p.addReply("route 10.0.0.0 255.0.0.0,push-continuation 2"); options != nil || whole || err != nil || !p.asking() {
		t.Errorf("half a reply: %q %v %v", options, whole, err)
	}
	options, whole, err := p.addReply("peer-id 1,push-continuation 1")
	if !slices.Equal(options, []string{"route 10.0.0.0 255.0.0.0", "peer-id 1"}) || !whole || err != nil {
		t.Errorf("%q %v %v", options, whole, err)
	}
	if p.asking() || p.due(now.Add(time.Hour)) {
		t.Error("it asks on")
	}
}

// TestUpdatesAreApart: each has its own options alone.
func TestUpdatesAreApart(t *testing.T) {
	var p pull
	for _, want := range []string{"dns server 1 address 10.8.0.1", "-route-gateway"} {
		if options, whole, err := p.addUpdate(want); !slices.Equal(options, []string{want}) || !whole || err != nil {
			t.Errorf("%q %v %v", options, whole, err)
		}
	}
}

// TestPushIsBounded: a server cannot fill the client's memory.
func TestPushIsBounded(t *testing.T) {
	for name, add := range map[string]func(*pull, string) ([]string, bool, error){"reply": (*pull).addReply, "update": (*pull).addUpdate} {
		var p pull
		p.begin(virtual)
		var err error
		for range 100 {
			if _, _, err = add(&p, strings.Repeat("x", 1000)+",push-continuation 2"); err != nil {
				break
			}
		}
		if !errors.Is(err, negotiate.ErrPush) || !p.asking() {
			t.Errorf("%s: %v", name, err)
		}
	}
}
