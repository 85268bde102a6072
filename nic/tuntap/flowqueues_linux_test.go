package tuntap

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// packetOf is a packet of n bytes with a mark in front.
func packetOf(mark byte, n int) waiting {
	return waiting{packet: append([]byte{mark}, make([]byte, n-1)...)}
}

// marks pops n packets and returns their marks.
func (q *flowQueues) marks(t *testing.T, n int) (marks []byte) {
	t.Helper()
	for range n {
		w, _, ok := q.pop(0)
		if !ok {
			t.Fatalf("nothing left after %v", marks)
		}
		marks = append(marks, w.packet[0])
	}
	return marks
}

func TestFlowKeepsItsOrder(t *testing.T) {
	var q flowQueues
	for round := range 3 {
		var want []byte
		for i := range byte(100) {
			q.push(packetOf(i, 50+int(i)*20), 7)
			want = append(want, i)
		}
		if got := q.marks(t, 100); !bytes.Equal(got, want) || q.count != 0 {
			t.Errorf("round %d: %v, %d left", round, got, q.count)
		}
		if _, _, ok := q.pop(0); ok {
			t.Error("a packet too many")
		}
	}
	if len(q.slots) > 102 {
		t.Errorf("%d slots for 100 packets", len(q.slots))
	}
}

// However long others' queues are, one that has a packet now and then waits for
// no more than what is under way.
func TestSparseFlowGoesFirst(t *testing.T) {
	var q flowQueues
	for range 100 {
		q.push(packetOf('s', 60000), 1)
		q.push(packetOf('t', 60000), 2)
	}
	q.marks(t, 10)
	for range 20 {
		q.push(packetOf('p', 84), 3)
		if got := q.marks(t, 1); got[0] != 'p' {
			t.Fatalf("%c went before a flow that had nothing waiting", got[0])
		}
		q.marks(t, 3)
	}
}

func TestFlowsShareBytes(t *testing.T) {
	var q flowQueues
	for range 100 {
		q.push(packetOf(0, 60000), 1)
	}
	for range 900 {
		q.push(packetOf(1, 1400), 2)
	}
	var bytes [2]int
	for range 800 {
		w, _, _ := q.pop(0)
		bytes[w.packet[0]] += len(w.packet)
	}
	if d := bytes[0] - bytes[1]; d > 2*60000 || d < -2*60000 {
		t.Errorf("super-packets carried %d bytes, single packets %d", bytes[0], bytes[1])
	}
}

func TestLateIsOfEachFlow(t *testing.T) {
	var q flowQueues
	var late []byte
	for now := time.Duration(0); now < 300*ms; now += ms {
		for range 2 {
			w := packetOf('s', 1400)
			w.since = now
			q.push(w, 1)
		}
		w := packetOf('p', 84)
		w.since = now
		q.push(w, 2)
		for range 2 { // the first flow has twice what it may send
			if w, l, _ := q.pop(now); l {
				late = append(late, w.packet[0])
			}
		}
	}
	if !slices.Contains(late, 's') || slices.Contains(late, 'p') {
		t.Errorf("too late: %q", late)
	}
}

func TestShedTakesOfTheLargest(t *testing.T) {
	var q flowQueues
	for range 3 {
		q.push(packetOf('a', 1400), 1)
		q.push(packetOf('b', 60000), 2)
		q.push(packetOf('c', 2000), 3)
	}
	var got []byte
	for w, ok := q.shed(); ok; w, ok = q.shed() {
		got = append(got, w.packet[0])
	}
	if string(got[:3]) != "bbb" || len(got) != 9 || q.count != 0 {
		t.Errorf("shed %q, %d left", got, q.count)
	}
	q.push(packetOf('d', 100), 1)
	if got := q.marks(t, 1); got[0] != 'd' {
		t.Errorf("after all was shed: %q", got)
	}
}

func TestFlowOf(t *testing.T) {
	v4 := make([]byte, 28)
	v4[0], v4[3], v4[9] = 0x45, 28, protocolUDP
	v6 := make([]byte, 48)
	v6[0], v6[5], v6[6] = 0x60, 8, protocolTCP
	for _, p := range [][]byte{v4, v6} {
		other := bytes.Clone(p)
		other[len(p)-8]++ // the source port
		if flowOf(p, p) != flowOf(bytes.Clone(p), p) || flowOf(p, p) == flowOf(other, other) {
			t.Errorf("%x: a flow is told by addresses, protocol and ports", p)
		}
		if padded := append(bytes.Clone(p), 0, 0, 0); flowOf(p, p) != flowOf(padded, padded) {
			t.Errorf("%x: short packets of a flow, padded in their frames, may pass the others", p)
		}
	}
	first, later := bytes.Clone(v4), bytes.Clone(v4)
	first[6] = 0x20 // more fragments
	later[7] = 1    // an offset
	later[20] = 99  // no port
	if flowOf(first, first) != flowOf(later, later) {
		t.Error("fragments of a packet may change places")
	}
	for n := range 60 { // whatever it is
		b := bytes.Repeat([]byte{0x45}, n)
		flowOf(b, b)
		flowOf(nil, b)
	}
}
