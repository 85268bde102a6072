package tunnel

import (
	"io/fs"
	"net/netip"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
	"culvert/session"
)

// ends are an adapter and a link in one, without a queue and with no more copies
// than a kernel makes: what fill makes is read from it, and what is written goes to
// take.
type ends struct {
	batches int // to be read before it is closed
	fill    func(p *buf.Packet)
	take    func(batch []*buf.Packet)
}

func (e *ends) Name() string              { return "ends" }
func (e *ends) Kind() nic.Kind            { return nic.IP }
func (e *ends) MTU() int                  { return 1500 }
func (e *ends) LocalAddr() netip.AddrPort { return nearAddr }
func (e *ends) Close() error              { return nil }

func (e *ends) ReadBatch(batch []*buf.Packet) (int, error) {
	if e.batches == 0 {
		return 0, fs.ErrClosed
	}
	e.batches--
	for _, p := range batch {
		p.Reset()
		e.fill(p)
	}
	return len(batch), nil
}

func (e *ends) WriteBatch(batch []*buf.Packet) (int, error) {
	if e.take != nil {
		e.take(batch)
	}
	return len(batch), nil
}

// direction is a road with one peer, to be run for some batches.
type direction struct {
	Road
	*ends
	peer *Peer
}

func newDirection(t testing.TB, s *session.Session) *direction {
	d := &direction{ends: new(ends)}
	d.peer = NewPeer(s, d.ends, buf.Path{Remote: farAddr}, func(*Peer, time.Time, session.Event) {})
	t.Cleanup(d.peer.Stop)
	role := &fakeRole{route: only(d.peer), demux: func() (*Peer, Drop) { return d.peer, Kept }}
	role.road = &d.Road
	d.Road = Road{Role: role, PacketSize: 1800, Adapter: func() nic.NIC { return d.ends }}
	role.road = &d.Road
	return d
}

var text = ipPacket(1400)

// outbound makes a road that seals full packets, inbound one that opens what
// the first sealed beforehand.
func outbound(t testing.TB) *direction {
	client, server := sessions(t)
	t.Cleanup(server.Close)
	d := newDirection(t, client)
	d.fill = func(p *buf.Packet) { p.Set(text) }
	return d
}

func inbound(t testing.TB) *direction {
	client, server := sessions(t)
	t.Cleanup(client.Close)
	d := newDirection(t, server)
	d.fill = func(p *buf.Packet) {
		p.Set(text)
		if err := client.Data().Seal(time.Now(), p); err != nil {
			t.Error(err)
		}
		p.Path.Remote = farAddr
	}
	return d
}

// run carries so many batches and returns how many packets went through.
func (d *direction) run(t testing.TB, batches int, in bool) (packets int) {
	d.batches, d.take = batches, func(batch []*buf.Packet) { packets += len(batch) }
	if in {
		checkClosed(t, d.Inbound(t.Context(), link.Link(d.ends)))
	} else {
		checkClosed(t, d.Outbound(t.Context(), nic.NIC(d.ends)))
	}
	return packets
}

// TestRoadDoesNotAllocate: a road allocates when it is begun, and nothing for a
// packet.
func TestRoadDoesNotAllocate(t *testing.T) {
	for name, make := range map[string]func(testing.TB) *direction{"outbound": outbound, "inbound": inbound} {
		t.Run(name, func(t *testing.T) {
			d, in := make(t), name == "inbound"
			d.run(t, 2, in)
			allocations := func(batches int) float64 {
				return testing.AllocsPerRun(10, func() {
					if n := d.run(t, batches, in); n < batches {
						t.Errorf("%d packets went through in %d batches: %v", n, batches, d.Counters.Snapshot())
					}
				})
			}
			few, many := allocations(1), allocations(21)
			if many != few {
				t.Errorf("%v allocations for one batch, %v for twenty more", few, many)
			}
		})
	}
}

// The benchmarks count packets: an operation is one.
func BenchmarkOutbound(b *testing.B) {
	d := outbound(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	b.ResetTimer()
	d.run(b, b.N/batchSize+1, false)
}

// BenchmarkInbound leaves out what sealing the packets costs.
func BenchmarkInbound(b *testing.B) {
	d := inbound(b)
	seal, left := d.fill, 0
	d.fill = func(p *buf.Packet) {
		if left == 0 {
			left = batchSize
			b.StopTimer()
		}
		seal(p)
		if left--; left == 0 {
			b.StartTimer()
		}
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	b.ResetTimer()
	d.run(b, b.N/batchSize+1, true)
}
