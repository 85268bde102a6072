package hub

import (
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// quiet is a hub of adapters that swallow, and a batch of one's frames.
func quiet(t testing.TB, ports int) (h *Hub, in *Port) {
	t.Helper()
	h = Start(Options{Flood: 1 << 30})
	t.Cleanup(func() { h.Close() })
	for n := range ports {
		p, err := h.Add(nic.NewNull(string(rune('a'+n)), nic.Ethernet, 1500), PortOptions{MAC: mac(n), Uplink: n == 0})
		if err != nil {
			t.Fatal(err)
		}
		in = p
	}
	return h, in
}

// pass carries a batch of frames to one address.
func pass(h *Hub, in *Port, batch []*buf.Packet, out *outbox, b []byte) (drop Drop) {
	now, m := time.Now(), h.members.Load()
	for _, p := range batch {
		p.Set(b)
		f := ingress{Packet: p, now: now}
		if drop = h.judge(m, in, &f); drop == Kept {
			drop = h.forward(m, in, &f, out)
		}
	}
	out.flush()
	return drop
}

func TestNothingIsAllocated(t *testing.T) {
	h, in := quiet(t, 8)
	batch, out := buf.NewBatch(batchSize, frameSize(1500)), &outbox{spares: buf.NewSpares(frameSize(1500))}
	for name, dst := range map[string]frame.MAC{"unicast": mac(3), "unknown": mac(99), "broadcast": frame.Broadcast} {
		b := append(frame.Header{Dst: dst, Src: in.mac, Type: frame.TypeIPv4}.Append(nil), make([]byte, 1000)...)
		if pass(h, in, batch, out, b) != Kept {
			t.Fatal(name)
		}
		least := 1.0 // probes for loops allocate meanwhile
		for range 10 {
			least = min(least, testing.AllocsPerRun(10, func() { pass(h, in, batch, out, b) }))
		}
		if least > 0 {
			t.Errorf("%s: %v allocations a batch", name, least)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	h, in := quiet(b, 8)
	batch, out := buf.NewBatch(batchSize, frameSize(1500)), &outbox{spares: buf.NewSpares(frameSize(1500))}
	for name, dst := range map[string]frame.MAC{"unicast": mac(3), "broadcast": frame.Broadcast} {
		f := append(frame.Header{Dst: dst, Src: in.mac, Type: frame.TypeIPv4}.Append(nil), make([]byte, 1486)...)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(batch) * len(f)))
			b.ReportAllocs()
			for b.Loop() {
				pass(h, in, batch, out, f)
			}
		})
	}
}

// FuzzFrames: no frame brings the hub down, or reaches a port of another VLAN.
func FuzzFrames(f *testing.F) {
	for _, h := range []frame.Header{
		{Dst: mac(1), Src: mac(2), Type: frame.TypeIPv4},
		{Dst: frame.Broadcast, Src: mac(2), Tagged: true, VLAN: 5, Type: frame.TypeARP},
		{Dst: loopbackAssistance, Src: mac(2), Type: typeLoopback},
	} {
		f.Add(h.Append(nil), true)
		f.Add(probe{}.Append(h.Append(nil)), false)
	}
	h := Start(Options{Flood: 1 << 30})
	f.Cleanup(func() { h.Close() })
	port := func(n int, o PortOptions) *Port {
		p, err := h.Add(nic.NewNull(string(rune('a'+n)), nic.Ethernet, 1500), o)
		if err != nil {
			f.Fatal(err)
		}
		return p
	}
	up, in := port(0, PortOptions{Uplink: true}), port(1, PortOptions{VLAN: 5})
	look := func(_ Direction, b []byte) {
		if head, ok := frame.Parse(b); ok && head.Type != typeLoopback {
			panic("a frame reached another VLAN")
		}
	}
	port(2, PortOptions{VLAN: 6}).Tap(look)
	out := &outbox{spares: buf.NewSpares(frameSize(1500))}
	f.Fuzz(func(t *testing.T, b []byte, fromUplink bool) {
		if head, ok := frame.Parse(b); fromUplink && ok && head.VLAN == 6 || len(b) > frameSize(1500) {
			t.Skip("it may go there")
		}
		from := in
		if fromUplink {
			from = up
		}
		pass(h, from, buf.NewBatch(1, frameSize(1500)), out, b)
	})
}
