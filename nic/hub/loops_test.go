package hub

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// bridged joins two ports outside of the hub until the bridge is cut: what leaves
// by one comes in by the other. Frames take no time, so a loop that nobody ends
// would keep the bubble from ever settling.
func (w *world) bridged(a, b PortOptions) (x, y *Port) {
	near, far := NewPair("a", "", 1500)
	near2, far2 := NewPair("b", "", 1500)
	x, errX := w.hub.Add(near, a)
	y, errY := w.hub.Add(near2, b)
	if err := errors.Join(errX, errY); err != nil {
		w.t.Fatal(err)
	}
	go pour(far, far2)
	go pour(far2, far)
	return x, y
}

func pour(from, to nic.NIC) {
	batch := buf.NewBatch(16, frameSize(1500))
	for {
		n, err := from.ReadBatch(batch)
		if errors.Is(err, fs.ErrClosed) {
			return
		}
		to.WriteBatch(batch[:n])
	}
}

func state(p *Port) State {
	s, _ := p.State()
	return s
}

func TestLoopIsCutAndReopened(t *testing.T) {
	inWorld(t, func(w *world) {
		out := w.uplink(9)
		a, b := w.bridged(PortOptions{}, PortOptions{})
		time.Sleep(time.Millisecond)
		if state(a) != Forwarding || state(b) != PortBlocked {
			t.Fatalf("a is %s, b is %s; expected the younger to be cut off", state(a), state(b))
		}
		if _, why := b.State(); !strings.HasPrefix(why, "loop: a probe sent by") {
			t.Errorf("the reason is %q", why)
		}
		out.send(frame.Broadcast, "once")
		synctest.Wait()
		if n := b.Dropped(Blocked); n != 1 {
			t.Errorf("b dropped %d frames, expected the one that came around", n)
		}
		w.arrived() // and nothing came back by the uplink
		time.Sleep(10 * reopenAfter)
		if state(b) != PortBlocked {
			t.Error("b was opened though the loop is there")
		}
		if err := w.hub.Remove("a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(reopenAfter + 2*probeEvery)
		if s, why := b.State(); s != Forwarding || why != "" {
			t.Errorf("without a loop b is %s (%s)", s, why)
		}
	})
}

// TestLoopBeforeItIsFound: frames that come around are dropped even without a
// probe.
func TestLoopBeforeItIsFound(t *testing.T) {
	inWorld(t, func(w *world) {
		out := w.uplink(9)
		time.Sleep(probeEvery / 2)
		a, b := w.bridged(PortOptions{}, PortOptions{})
		a.block(time.Time{}, "") // as before the first probe
		out.send(frame.Broadcast, "once")
		synctest.Wait()
		if n := a.Dropped(InUse) + b.Dropped(InUse) + b.Dropped(Blocked); n < 1 || n > 2 {
			t.Errorf("%d frames came around", n)
		}
		w.arrived()
	})
}

// TestUplinkIsNeverCut: not even where the LAN sends back what it is sent.
func TestUplinkIsNeverCut(t *testing.T) {
	inWorld(t, func(w *world) {
		up, a := w.bridged(PortOptions{Uplink: true}, PortOptions{})
		time.Sleep(time.Millisecond)
		if state(up) != Forwarding || state(a) != PortBlocked {
			t.Errorf("uplink is %s, adapter %s", state(up), state(a))
		}
	})
	inWorld(t, func(w *world) {
		near, far := NewPair("uplink", "", 1500)
		up, err := w.hub.Add(near, PortOptions{Uplink: true})
		if err != nil {
			t.Fatal(err)
		}
		w.adapter("a", 1, PortOptions{})
		go pour(far, far)
		time.Sleep(10 * probeEvery)
		if state(up) != Forwarding || up.Dropped(Looped) == 0 {
			t.Errorf("the uplink is %s, %d probes came back", state(up), up.Dropped(Looped))
		}
	})
}

// TestLoopBehindOnePort: the adapter's own network sends back what it gets.
func TestLoopBehindOnePort(t *testing.T) {
	inWorld(t, func(w *world) {
		near, far := NewPair("a", "", 1500)
		a, err := w.hub.Add(near, PortOptions{})
		if err != nil {
			t.Fatal(err)
		}
		go pour(far, far)
		time.Sleep(time.Millisecond)
		if state(a) != PortBlocked {
			t.Errorf("a is %s", state(a))
		}
	})
}

// TestVLANsAreNoLoop: between two VLANs nothing comes around.
func TestVLANsAreNoLoop(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.bridged(PortOptions{VLAN: 1}, PortOptions{VLAN: 2})
		time.Sleep(10 * probeEvery)
		if state(a) != Forwarding || state(b) != Forwarding {
			t.Errorf("a is %s, b is %s", state(a), state(b))
		}
	})
}

// TestForgedProbes cut nobody off: of another port, of another VLAN, of another
// round, of another hub.
func TestForgedProbes(t *testing.T) {
	inWorld(t, func(w *world) {
		a, b := w.adapter("a", 1, PortOptions{}), w.adapter("b", 2, PortOptions{})
		time.Sleep(time.Millisecond)
		l := w.hub.loops
		good := probe{hub: l.id, round: l.round.Load(), port: uint32(b.port.id)}
		good.proof = l.proof(good)
		forged := []probe{good, good, good, good}
		forged[0].proof[0] ^= 1
		forged[1].vlan = 1
		forged[2].round -= 2
		forged[2].proof = l.proof(forged[2])
		forged[3].port = uint32(a.port.id)
		send := func(p probe) {
			h := frame.Header{Dst: loopbackAssistance, Src: a.mac, Type: typeLoopback}
			a.bytes(p.Append(h.Append(nil)))
			synctest.Wait()
		}
		for i, p := range forged {
			if send(p); state(a.port) != Forwarding || state(b.port) != Forwarding {
				t.Fatalf("forged probe %d cut a port off", i)
			}
		}
		if n := a.port.Dropped(Looped); n != uint64(len(forged)) {
			t.Errorf("%d forged probes are counted", n)
		}
		if send(good); state(b.port) != PortBlocked { // so the test can tell
			t.Error("a probe that came around cut nobody off")
		}
	})
}

// TestOtherHubsProbes pass, or loops through two hubs would not be seen.
func TestOtherHubsProbes(t *testing.T) {
	inWorld(t, func(w *world) {
		out, a := w.uplink(9), w.adapter("a", 1, PortOptions{})
		synctest.Wait()
		before := a.port.OutFrames.Load()
		out.bytes(probe{hub: 1}.Append(frame.Header{Dst: loopbackAssistance, Src: out.mac, Type: typeLoopback}.Append(nil)))
		synctest.Wait()
		if a.port.OutFrames.Load() != before+1 {
			t.Error("it did not pass")
		}
	})
}

func TestProbe(t *testing.T) {
	want := probe{hub: 1 << 60, round: 1 << 20, port: 7, vlan: 4094, proof: [proofLen]byte{1, 15: 2}}
	wire := want.Append(nil)
	if len(wire) != probeLen {
		t.Errorf("%d bytes", len(wire))
	}
	if got, ok := parseProbe(append(wire, 0, 0)); !ok || got != want {
		t.Errorf("%+v came back as %+v, %v", want, got, ok)
	}
	for n := range probeLen {
		if _, ok := parseProbe(wire[:n]); ok {
			t.Errorf("%d bytes pass for a probe", n)
		}
	}
}

func FuzzParseProbe(f *testing.F) {
	f.Add(probe{hub: 1, round: 2, port: 3, vlan: 4}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := parseProbe(b)
		if !ok {
			return
		}
		if again, ok := parseProbe(p.Append(nil)); !ok || again != p {
			t.Errorf("%+v came back as %+v, %v", p, again, ok)
		}
	})
}
