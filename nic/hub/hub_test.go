package hub

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"culvert/nic"
	"culvert/nic/bridge"
	"culvert/nic/frame"
)

func TestWays(t *testing.T) {
	inWorld(t, func(w *world) {
		out := w.uplink(9)
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		a.send(b.mac, "across")
		w.arrived("b: across")
		a.send(out.mac, "unknown")
		w.arrived("uplink: unknown")
		out.send(a.mac, "answer")
		w.arrived("a: answer")
		b.send(out.mac, "known")
		w.arrived("uplink: known")
		a.send(frame.Broadcast, "all")
		w.arrived("uplink: all", "b: all")
		out.send(mac(77), "nobody's")
		w.arrived("a: nobody's", "b: nobody's")
	})
}

func TestStationsBehindAnAdapter(t *testing.T) {
	inWorld(t, func(w *world) {
		w.uplink(9)
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		guest := mac(50)
		b.raw(frame.Header{Dst: a.mac, Src: guest, Type: frame.TypeIPv4}, "I am b's guest")
		w.arrived("a: I am b's guest")
		a.send(guest, "hello")
		w.arrived("b: hello")
		b.send(guest, "not by the hub")
		b.send(b.mac, "nor this")
		w.arrived()
		b.dropped(map[Drop]uint64{Local: 2})
	})
}

func TestWithoutUplink(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.adapter("a", 1, PortOptions{})
		w.adapter("b", 2, PortOptions{})
		w.adapter("c", 3, PortOptions{})
		a.send(mac(50), "anybody")
		w.arrived("b: anybody", "c: anybody")
	})
}

func TestVLANs(t *testing.T) {
	inWorld(t, func(w *world) {
		out := w.uplink(9)
		a, b := w.adapter("a", 1, PortOptions{VLAN: 10}), w.adapter("b", 2, PortOptions{VLAN: 10})
		other, plain := w.adapter("other", 3, PortOptions{VLAN: 20}), w.adapter("plain", 4, PortOptions{})
		a.send(frame.Broadcast, "ten")
		w.arrived("uplink: ten@10", "b: ten")
		a.send(b.mac, "across")
		w.arrived("b: across")
		a.send(other.mac, "not there")
		w.arrived("uplink: not there@10")
		plain.send(frame.Broadcast, "bare")
		w.arrived("uplink: bare")

		tagged := frame.Header{Dst: frame.Broadcast, Src: out.mac, Tagged: true, VLAN: 20, Priority: 5, Type: frame.TypeIPv4}
		out.raw(tagged, "twenty")
		w.arrived("other: twenty")
		tagged.VLAN = 0
		out.raw(tagged, "priority")
		w.arrived("plain: priority")
		a.raw(frame.Header{Dst: frame.Broadcast, Src: a.mac, Tagged: true, Type: frame.TypeIPv4}, "priority")
		w.arrived("uplink: priority@10", "b: priority")
		tagged.VLAN = 30
		out.raw(tagged, "thirty")
		a.raw(tagged, "hop")
		w.arrived()
		out.dropped(map[Drop]uint64{NoVLAN: 1})
		a.dropped(map[Drop]uint64{Tagged: 1})
	})
}

func TestBadFrames(t *testing.T) {
	inWorld(t, func(w *world) {
		w.uplink(9)
		a, b := w.adapter("a", 1, PortOptions{MTU: 1000}), w.adapter("b", 2, PortOptions{MTU: 500})
		head := frame.Header{Dst: b.mac, Src: a.mac, Type: frame.TypeIPv4}
		send := func(change func(h *frame.Header), payload string) {
			h := head
			change(&h)
			a.raw(h, payload)
		}
		a.bytes(head.Append(nil)[:13])
		a.bytes(frame.Header{Tagged: true}.Append(nil)[:16])
		send(func(h *frame.Header) { h.Src = frame.Broadcast }, "group as source")
		send(func(h *frame.Header) { h.Src = frame.MAC{} }, "no source")
		send(func(h *frame.Header) { h.Dst = frame.MAC{} }, "no destination")
		send(func(h *frame.Header) { h.Type = 100 }, "longer than it is")
		send(func(h *frame.Header) { h.Type = 1501 }, strings.Repeat("x", 900))
		send(func(h *frame.Header) { h.Tagged, h.Type = true, frame.TypeVLAN }, "two tags")
		send(func(h *frame.Header) { h.Type = frame.TypeQinQ }, "service tag")
		send(func(h *frame.Header) { h.Tagged, h.VLAN = true, 1 }, "tag")
		send(func(h *frame.Header) { h.Tagged, h.VLAN = true, 0xfff }, "no VLAN")
		send(func(h *frame.Header) { h.Dst = frame.MAC{0x01, 0x80, 0xc2, 0, 0, 1} }, "pause")
		send(func(h *frame.Header) { h.Src = b.mac }, "b's address")
		send(func(*frame.Header) {}, strings.Repeat("x", 1001))
		send(func(*frame.Header) {}, strings.Repeat("x", 501))
		w.arrived()
		a.dropped(map[Drop]uint64{Runt: 2, Malformed: 6, Stacked: 2, Tagged: 1, Reserved: 1, Spoofed: 1, Oversize: 1})
		b.dropped(map[Drop]uint64{Oversize: 1})

		send(func(h *frame.Header) { h.Type = 3 }, "802")
		send(func(h *frame.Header) { h.Dst = frame.MAC{0x01, 0x80, 0xc2} }, "spanning tree")
		send(func(*frame.Header) {}, "good")
		w.arrived("uplink: spanning tree", "b: 802 spanning tree good")
		if in := a.port.InFrames.Load(); in != 18 {
			t.Errorf("%d frames came in, expected 18", in)
		}
	})
}

// TestStolenAddress: a station that is sending keeps its address, and a silent one
// may have moved.
func TestStolenAddress(t *testing.T) {
	inWorld(t, func(w *world) {
		out, a := w.uplink(9), w.adapter("a", 1, PortOptions{})
		b := w.adapter("b", 2, PortOptions{})
		out.send(a.mac, "I am the router")
		theft := frame.Header{Dst: b.mac, Src: out.mac, Type: frame.TypeIPv4}
		synctest.Wait()
		a.raw(theft, "no, I am")
		b.send(out.mac, "to the router")
		w.arrived("uplink: to the router", "a: I am the router")
		a.dropped(map[Drop]uint64{InUse: 1})
		time.Sleep(bridge.DefaultHold + time.Second)
		a.raw(theft, "moved here")
		synctest.Wait()
		b.send(out.mac, "where are you")
		w.arrived("a: where are you", "b: moved here")
	})
}

func TestStormIsLimited(t *testing.T) {
	inWorld(t, func(w *world) {
		w.uplink(9)
		a, b := w.adapter("a", 1, PortOptions{Flood: 40}), w.adapter("b", 2, PortOptions{})
		for range 25 {
			a.send(frame.Broadcast, "!")
		}
		a.send(b.mac, "calm")
		w.arrived("uplink: "+strings.TrimSpace(strings.Repeat("! ", 10)), "b: "+strings.Repeat("! ", 10)+"calm")
		a.dropped(map[Drop]uint64{Storm: 15})
		b.send(frame.Broadcast, "others may")
		w.arrived("uplink: others may", "a: others may")
	})
}

// TestAddressFlood: one port's made-up stations take no other's away.
func TestAddressFlood(t *testing.T) {
	inWorld(t, func(w *world) {
		out := w.uplink(9)
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		guest := mac(50)
		b.raw(frame.Header{Dst: a.mac, Src: guest, Type: frame.TypeIPv4}, "guest")
		w.arrived("a: guest")
		for n := range 10 * bridge.DefaultPerPort {
			a.raw(frame.Header{Dst: out.mac, Src: mac(1000 + n), Type: frame.TypeIPv4}, "x")
			synctest.Wait() // the queue of the pair is shorter
		}
		known := 0
		w.hub.table.Each(time.Now(), func(_ uint16, _ frame.MAC, port *Port, _ time.Time) bool {
			if port == a.port {
				known++
			}
			return true
		})
		if known != bridge.DefaultPerPort+1 { // its own is pinned
			t.Errorf("%d addresses are kept of a", known)
		}
		for _, s := range w.all {
			s.got = nil
		}
		out.send(guest, "to the guest")
		out.send(a.mac, "to a")
		w.arrived("a: to a", "b: to the guest")
	})
}

func TestDown(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		b.port.SetUp(false)
		a.send(b.mac, "lost")
		a.send(frame.Broadcast, "lost")
		b.send(a.mac, "lost")
		w.arrived()
		b.dropped(map[Drop]uint64{Down: 2})
		b.port.SetUp(true)
		a.send(b.mac, "here")
		w.arrived("b: here")
	})
}

func TestTap(t *testing.T) {
	inWorld(t, func(w *world) {
		out, a := w.uplink(9), w.adapter("a", 1, PortOptions{VLAN: 7})
		var seen atomic.Pointer[[]string]
		seen.Store(new([]string))
		look := func(d Direction, b []byte) {
			if h, _ := frame.Parse(b); h.Type != typeLoopback {
				seen.Store(new(append(slices.Clone(*seen.Load()), []string{"in ", "out "}[d]+describe(b))))
			}
		}
		remove := out.port.Tap(look)
		var second atomic.Int64
		out.port.Tap(func(Direction, []byte) { second.Add(1) })
		a.send(out.mac, "ping")
		synctest.Wait()
		out.raw(frame.Header{Dst: a.mac, Src: out.mac, Tagged: true, VLAN: 7, Type: frame.TypeIPv4}, "pong")
		out.bytes([]byte("runt"))
		w.arrived("uplink: ping@7", "a: pong")
		if got := strings.Join(*seen.Load(), ", "); got != "out ping@7, in pong@7, in runt" {
			t.Errorf("the tap saw %q", got)
		}
		remove()
		before := second.Load()
		a.send(out.mac, "unseen")
		w.arrived("uplink: unseen@7")
		if got := len(*seen.Load()); got != 3 || second.Load() != before+1 {
			t.Errorf("the tap that was removed saw %d frames, the other %d of one", got, second.Load()-before)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	inWorld(t, func(w *world) {
		w.uplink(9)
		w.adapter("a", 1, PortOptions{})
		for want, o := range map[string]PortOptions{
			"the name a is taken already":              {Name: "a"},
			"address 02:00:00:00:00:01 is taken":       {MAC: mac(1)},
			"uplink is taken already by uplink":        {Uplink: true},
			"expected 1 to 4094":                       {VLAN: 4095},
			"expected 1 or more":                       {Flood: -1},
			"but has none: give it one":                {OwnMAC: true},
			"leave VLAN 3 out":                         {Uplink: true, VLAN: 3},
			"first byte is even":                       {MAC: frame.Broadcast},
			"an MTU of 67: expected 68 to":             {MTU: 67},
			"an MTU of 70000: expected 68 to":          {MTU: 70000},
			"ff:ff:ff:ff:ff:ff is the address of a gr": {MAC: frame.Broadcast},
		} {
			if _, err := w.hub.Add(nic.NewNull("x", nic.Ethernet, 1500), o); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v, expected %q", o, err, want)
			}
		}
		if _, err := w.hub.Add(nic.NewNull("tun0", nic.IP, 1500), PortOptions{}); err == nil || !strings.Contains(err.Error(), "plug in an adapter of frames") {
			t.Error(err)
		}
		if err := w.hub.Remove("b"); !errors.Is(err, ErrNoPort) || !strings.HasSuffix(err.Error(), "uplink, a") {
			t.Error(err)
		}
		if n := len(w.hub.Ports()); n != 2 {
			t.Errorf("%d ports", n)
		}
	})
}

func TestRemoveUnderTraffic(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					a.send(b.mac, "x")
					a.send(frame.Broadcast, "x")
				}
			}
		}()
		for range 20 {
			time.Sleep(10 * time.Millisecond)
			if _, err := w.hub.Add(nic.NewNull("tun0", nic.IP, 1500), PortOptions{}); err == nil || !strings.Contains(err.Error(), "plug in an adapter of frames") {
				t.Error(err)
			}
			if err := w.hub.Remove("b"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			w.adapter("b", 2, PortOptions{})
		}
		close(stop)
		<-stopped
		synctest.Wait()
		last := w.all[len(w.all)-1]
		last.got = nil
		a.send(b.mac, "still here")
		synctest.Wait()
		if len(last.got) != 1 {
			t.Errorf("after all: %q", last.got)
		}
	})
}

// TestAdapterTakenAway: as when somebody deletes the device.
func TestAdapterTakenAway(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		b.wire.Close()
		synctest.Wait()
		if _, err := w.hub.Port("b"); !errors.Is(err, ErrNoPort) {
			t.Errorf("b is still there: %v", err)
		}
		a.send(b.mac, "lost")
		w.arrived()
		c := w.adapter("c", 2, PortOptions{}) // its address is free again
		a.send(c.mac, "found")
		w.arrived("c: found")
	})
}

func TestNullIsAMember(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.adapter("a", 1, PortOptions{})
		p, err := w.hub.Add(nic.NewNull("null", nic.Ethernet, 1500), PortOptions{MAC: mac(5)})
		if err != nil {
			t.Fatal(err)
		}
		a.send(mac(5), "swallowed")
		w.arrived()
		if n := p.OutFrames.Load(); n != 1 {
			t.Errorf("it took %d frames", n)
		}
	})
}
