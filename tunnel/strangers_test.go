package tunnel

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
	if !s.Allow(now.Add(3*strangerInterval), at(201)) {
		t.Error("nobody is logged after a flood")
	}
}
