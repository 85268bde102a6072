package server

import (
	"net/netip"
	"testing"
)

// TestBegun: who begins again is known by the address, among any number of others.
func TestBegun(t *testing.T) {
	var b begun
	anna, bert := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	b.note(anna, 3)
	if b.since(anna, 3) || b.since(bert, 3) || !b.since(anna, 2) {
		t.Error("one that began once has begun anew, or another has")
	}
	b.note(anna, 4)
	if !b.since(anna, 3) || b.since(anna, 4) {
		t.Error("one that began again is not known")
	}
	for i := range 100_000 {
		b.note(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), uint64(i))
	}
	if b.since(anna, 3) {
		t.Error("an address is known after as many others as have no room")
	}
}
