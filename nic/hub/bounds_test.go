package hub

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// TestLargestFrames: a port takes and gives payloads of its MTU, with and
// without a tag, and counts those of a byte more.
func TestLargestFrames(t *testing.T) {
	inWorld(t, func(w *world) {
		out := w.plug("uplink", mac(9), PortOptions{Uplink: true, MTU: 1000})
		a, b := w.adapter("a", 1, PortOptions{MTU: 1000}), w.adapter("b", 2, PortOptions{MTU: 500})
		ten := w.adapter("ten", 3, PortOptions{VLAN: 10})
		of := func(n int) string { return strings.Repeat("x", n) }
		a.send(b.mac, of(500))
		w.arrived("b: " + of(500))
		a.send(b.mac, of(501))
		w.arrived()
		b.dropped(map[Drop]uint64{Oversize: 1})
		a.send(out.mac, of(1000))
		w.arrived("uplink: " + of(1000))
		a.send(out.mac, of(1001))
		w.arrived()
		a.dropped(map[Drop]uint64{Oversize: 1})
		tagged := frame.Header{Dst: ten.mac, Src: out.mac, Tagged: true, VLAN: 10, Type: frame.TypeIPv4}
		out.raw(tagged, of(1000))
		w.arrived("ten: " + of(1000))
		out.raw(tagged, of(1001))
		w.arrived()
		out.dropped(map[Drop]uint64{Oversize: 1})
	})
}

// TestTypesAndLengths: the first EtherType, and the longest and the right
// lengths of 802.3.
func TestTypesAndLengths(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		for _, c := range []struct {
			value, payload int
			taken          bool
		}{{0x600, 4, true}, {0x5ff, 1500, false}, {1501, 1500, false}, {1500, 1500, true}, {4, 4, true}, {5, 4, false}, {3, 4, true}, {0, 4, true}} {
			text, want := strings.Repeat("x", c.payload), []string{}
			if c.taken {
				want = append(want, "b: "+text)
			}
			a.raw(frame.Header{Dst: b.mac, Src: a.mac, Type: uint16(c.value)}, text)
			w.arrived(want...)
		}
		a.dropped(map[Drop]uint64{Malformed: 3})
	})
}

// TestLastVLAN: it is one like any other, and its loops are found.
func TestLastVLAN(t *testing.T) {
	inWorld(t, func(w *world) {
		out, a := w.uplink(9), w.adapter("a", 1, PortOptions{VLAN: frame.MaxVLAN})
		tagged := frame.Header{Dst: a.mac, Src: out.mac, Tagged: true, VLAN: frame.MaxVLAN, Type: frame.TypeIPv4}
		out.raw(tagged, "in")
		w.arrived("a: in")
		a.send(out.mac, "out")
		w.arrived("uplink: out@4094")
		tagged.VLAN++
		out.raw(tagged, "none")
		w.arrived()
		out.dropped(map[Drop]uint64{Malformed: 1})
	})
	inWorld(t, func(w *world) {
		_, b := w.bridged(PortOptions{VLAN: frame.MaxVLAN}, PortOptions{VLAN: frame.MaxVLAN})
		time.Sleep(time.Millisecond)
		if state(b) != PortBlocked {
			t.Errorf("a port in a loop is %s", state(b))
		}
	})
}

func TestReservedAddresses(t *testing.T) {
	for last := range 0x12 {
		m := frame.MAC{0x01, 0x80, 0xc2, 0, 0, byte(last)}
		if got, want := isReserved(m), last >= 1 && last <= 15; got != want {
			t.Errorf("%v is reserved: %v", m, got)
		}
		for i := range 5 {
			other := m
			if other[i] ^= 4; isReserved(other) {
				t.Errorf("%v is reserved", other)
			}
		}
	}
}

// TestProbesAtTheUplink have the tag of their VLAN.
func TestProbesAtTheUplink(t *testing.T) {
	h := Start(Options{})
	defer h.Close()
	p := buf.New(minFrame)
	for _, c := range []struct {
		port   *Port
		vlan   uint16
		tagged bool
	}{{&Port{uplink: true}, 0, false}, {&Port{uplink: true}, 5, true}, {&Port{vlan: 5}, 5, false}} {
		h.loops.write(p, c.port, c.vlan)
		head, ok := frame.Parse(p.Bytes())
		if !ok || head.Tagged != c.tagged || head.Tagged && head.VLAN != c.vlan || head.Type != typeLoopback {
			t.Errorf("uplink %v, VLAN %d: %+v", c.port.uplink, c.vlan, head)
		}
	}
}

// TestProbeOfTheLastRound: such a probe is still believed, since it may have been
// on its way.
func TestProbeOfTheLastRound(t *testing.T) {
	inWorld(t, func(w *world) {
		w.adapter("a", 1, PortOptions{})
		b := w.adapter("b", 2, PortOptions{})
		time.Sleep(time.Millisecond)
		l := w.hub.loops
		p := probe{hub: l.id, round: l.round.Load() - 1, port: uint32(b.port.id)}
		p.proof = l.proof(p)
		b.bytes(p.Append(frame.Header{Dst: loopbackAssistance, Src: b.mac, Type: typeLoopback}.Append(nil)))
		synctest.Wait()
		if state(b.port) != PortBlocked {
			t.Errorf("the port is %s", state(b.port))
		}
	})
}

// TestUplinkLoopIsLoggedOnceAMinute counts the lines.
func TestUplinkLoopIsLoggedOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	l := &loops{hub: &Hub{log: slog.New(slog.NewTextHandler(&log, nil))}}
	for _, c := range []struct{ after, lines int }{{0, 1}, {59, 1}, {60, 2}, {119, 2}, {120, 3}} {
		l.warn(time.Unix(1e9, 0).Add(time.Duration(c.after)*time.Second), new(Port))
		if n := strings.Count(log.String(), "\n"); n != c.lines {
			t.Errorf("after %d s: %d lines", c.after, n)
		}
	}
}

func TestFreeSlot(t *testing.T) {
	port := func(slot int) *Port { return &Port{slot: slot} }
	for _, c := range []struct {
		ports []*Port
		want  int
	}{{nil, 0}, {[]*Port{port(0)}, 1}, {[]*Port{port(1)}, 0}, {[]*Port{port(0), port(2)}, 1}, {[]*Port{port(1), port(0)}, 2}} {
		if got := freeSlot(c.ports); got != c.want {
			t.Errorf("%d of %d ports", got, len(c.ports))
		}
	}
}

// TestCopiesAreBounded: only so many copies wait at once.
func TestCopiesAreBounded(t *testing.T) {
	out, most := outbox{spares: buf.NewSpares(10)}, 0
	for range 3 * maxSpares {
		out.spare()
		most = max(most, out.spares.Used())
	}
	if most != maxSpares {
		t.Errorf("%d copies wait at once", most)
	}
}

// TestPairReads: as many as the batch holds, and nothing into none.
func TestPairReads(t *testing.T) {
	near, far := NewPair("near", "far", 1500)
	if n, err := far.WriteBatch([]*buf.Packet{framed("a"), framed("b"), framed("c")}); n != 3 {
		t.Fatal(err)
	}
	batch := buf.NewBatch(2, frameSize(1500))
	for _, want := range []int{2, 1} {
		if n, err := near.ReadBatch(batch); n != want || err != nil {
			t.Errorf("%d frames, %v; want %d", n, err, want)
		}
	}
	if n, err := near.ReadBatch(nil); n != 0 || err != nil {
		t.Errorf("%d frames into no batch, %v", n, err)
	}
}

func framed(text string) *buf.Packet {
	p := buf.New(100)
	p.Set(append(frame.Header{Dst: mac(1), Src: mac(2), Type: frame.TypeIPv4}.Append(nil), text...))
	return p
}

// TestDropCounts: every reason is among them, and only those that occurred are
// named.
func TestDropCounts(t *testing.T) {
	var c Counters
	n := uint64(0)
	for d := range Drops {
		n++
		c.drops.AddN(d, int(n))
	}
	if got := c.Drops(); n != uint64(drops)-1 || len(got) != int(n) || got["runt"] != 1 || got["not sent"] != n {
		t.Errorf("%d reasons, counts %v", n, got)
	}
	c = Counters{}
	if len(c.Drops()) > 0 {
		t.Error("a reason that did not occur is named")
	}
}

// TestPairIsFull: a direction holds a fixed number of frames, even of the largest
// size, and reports how many it had no room for.
func TestPairIsFull(t *testing.T) {
	near, far := NewPair("near", "far", 1500)
	largest := buf.New(frameSize(1500) + 1)
	for size, ok := range map[int]bool{frameSize(1500): true, frameSize(1500) + 1: false} {
		largest.Set(make([]byte, size))
		if n, err := far.WriteBatch([]*buf.Packet{largest}); (n == 1) != ok {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if n, err := near.ReadBatch(buf.NewBatch(2, frameSize(1500))); n != 1 || err != nil {
		t.Errorf("%d of the largest, %v", n, err)
	}
	batch := make([]*buf.Packet, pairDepth+3)
	for i := range batch {
		batch[i] = framed("x")
	}
	n, err := far.WriteBatch(batch)
	var failed *buf.WriteError
	if n != pairDepth || !errors.As(err, &failed) || len(failed.Failures) != 1 || failed.Failures[0].Packets != 3 {
		t.Errorf("%d frames, %+v", n, err)
	}
}

// TestPortBounds: the last VLAN and the least and largest MTU there are.
func TestPortBounds(t *testing.T) {
	for _, c := range []struct {
		o  PortOptions
		ok bool
	}{
		{PortOptions{VLAN: frame.MaxVLAN}, true}, {PortOptions{VLAN: frame.MaxVLAN + 1}, false},
		{PortOptions{MTU: minMTU}, true}, {PortOptions{MTU: minMTU - 1}, false},
		{PortOptions{MTU: maxMTU}, true}, {PortOptions{MTU: maxMTU + 1}, false},
		{PortOptions{Flood: 1}, true}, {PortOptions{Flood: -1}, false},
	} {
		if _, err := newPort(nic.NewNull("null", nic.Ethernet, 1500), c.o, 0); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}
