package tuntap

import (
	"bytes"
	"testing"
)

// arrive lets a packet of n bytes after its header be read, as far as there is
// room.
func (a *ahead) arrive(t *testing.T, gso uint8, n int, mark byte) arrival {
	t.Helper()
	room := a.room()
	if room == nil {
		t.Fatalf("no room behind %d bytes", a.end())
	}
	packet := append(make([]byte, vnetHeaderLen), bytes.Repeat([]byte{mark}, n)...)
	vnetHeader{gso: gso}.put(packet)
	return a.add(copy(room, packet))
}

// takeAll is the marks of all packets, in order.
func (a *ahead) takeAll() (marks []byte) {
	for b := a.take(); b != nil; b = a.take() {
		marks = append(marks, b[len(b)-1])
	}
	return marks
}

func TestAheadKeepsOrder(t *testing.T) {
	var a ahead
	for range 2 {
		a.arrive(t, 0, 1400, 1)
		a.arrive(t, gsoTCP4, 60000, 2)
		a.arrive(t, 0, 1, 3)
		if got := a.takeAll(); !bytes.Equal(got, []byte{1, 2, 3}) {
			t.Errorf("took %v", got)
		}
	}
}

func TestAheadDropsSuperPacketsOnceFull(t *testing.T) {
	var a ahead
	supers := 0
	for a.end() < aheadBytes {
		if got := a.arrive(t, gsoTCP6, 60000, 1); got != queued {
			t.Fatalf("super-packet behind %d bytes: %v", a.end(), got)
		}
		supers++
	}
	for range 3 {
		for _, gso := range []uint8{gsoTCP4, gsoUDP | gsoECN} {
			if got := a.arrive(t, gso, 3000, 9); got != overflow {
				t.Errorf("large super-packet: %v", got)
			}
			if got := a.arrive(t, gso, 1000, 9); got != overflow {
				t.Errorf("small super-packet: %v", got)
			}
		}
		if got := a.arrive(t, 0, 1400, 2); got != queued {
			t.Errorf("single packet: %v", got)
		}
	}
	want := append(bytes.Repeat([]byte{1}, supers), 2, 2, 2)
	if got := a.takeAll(); !bytes.Equal(got, want) {
		t.Errorf("took %v", got)
	}
	if got := a.arrive(t, gsoTCP4, 60000, 1); got != queued {
		t.Errorf("super-packet after all was taken: %v", got)
	}
}

func TestAheadIsBounded(t *testing.T) {
	for _, size := range []int{0, 60, 1500, 9000, 65000} {
		var a ahead
		n := 0
		for a.room() != nil && n < 10*aheadPackets {
			a.arrive(t, 0, size, 1)
			n++
		}
		if kept := len(a.ends); a.end() > len(a.store) || kept > aheadPackets || kept == 0 {
			t.Errorf("%d of %d packets of %d bytes kept, in %d bytes", kept, n, size, a.end())
		}
	}
}

// However fast super-packets come that find no room, reading ends.
func TestAheadEndsWhileDropping(t *testing.T) {
	var a ahead
	dropped := 0
	for a.room() != nil {
		if a.arrive(t, gsoTCP4, 60000, 1) == overflow {
			dropped++
		}
		if dropped > aheadPackets {
			t.Fatalf("%d dropped, and there is room to read more", dropped)
		}
	}
	if kept := len(a.takeAll()); kept == 0 || dropped == 0 || a.room() == nil {
		t.Errorf("%d kept, %d dropped; room for the next: %v", kept, dropped, a.room() != nil)
	}
}

func TestAheadTellsWhatIsTooLarge(t *testing.T) {
	var a ahead
	if got := a.arrive(t, gsoTCP4, 1<<17, 1); got != oversize || a.take() != nil {
		t.Errorf("128 KiB: %v", got)
	}
}
