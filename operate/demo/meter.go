package demo

import (
	"context"
	"sync/atomic"
	"time"

	"culvert/host/bringup"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
	"culvert/session/wire"
)

// traffic counts one direction at one stop. It may be read while it counts.
type traffic struct {
	packets, bytes atomic.Uint64
	nanos          atomic.Int64 // wall time of the calls that moved them
}

func (t *traffic) add(batch []*buf.Packet) {
	var packets, bytes int
	for _, p := range batch {
		bytes += p.Len()
		if p.Segment > 0 && p.Len() > 0 {
			packets += (p.Len() + p.Segment - 1) / p.Segment
		} else {
			packets++
		}
	}
	t.packets.Add(uint64(packets))
	t.bytes.Add(uint64(bytes))
}

// each returns the time per packet if all of them took d.
func (t *traffic) each(d time.Duration) time.Duration {
	return d / time.Duration(max(t.packets.Load(), 1))
}

func (t *traffic) spent() time.Duration { return time.Duration(t.nanos.Load()) }

// reader measures the time between reads, which is what the reading goroutine
// spends on the packets it read. Waiting in the read does not count.
type reader struct {
	traffic // nanos: between reads
	since   time.Time
}

func (r *reader) read(next func([]*buf.Packet) (int, error), batch []*buf.Packet) (int, error) {
	if !r.since.IsZero() {
		r.nanos.Add(int64(time.Since(r.since)))
	}
	n, err := next(batch)
	r.add(batch[:n])
	r.since = time.Now()
	return n, err
}

// writer measures the time in calls that write.
type writer struct{ traffic }

func (w *writer) write(next func([]*buf.Packet) (int, error), batch []*buf.Packet) (took time.Duration, n int, err error) {
	w.add(batch)
	start := time.Now()
	n, err = next(batch)
	took = time.Since(start)
	w.nanos.Add(int64(took))
	return took, n, err
}

// meteredNIC is an adapter with meters: out of it, and into it. It hides the
// adapter's queues (nic.Queued), so that all packets are measured.
type meteredNIC struct {
	nic.NIC
	out reader
	in  writer
}

func (m *meteredNIC) ReadBatch(batch []*buf.Packet) (int, error) {
	return m.out.read(m.NIC.ReadBatch, batch)
}

func (m *meteredNIC) WriteBatch(batch []*buf.Packet) (int, error) {
	_, n, err := m.in.write(m.NIC.WriteBatch, batch)
	return n, err
}

// meteredLink is a UDP socket with meters: out to the network, and in from it. It
// hides what else the socket implements (link.Queued, link.Path, link.Crowder),
// so that all packets are measured.
type meteredLink struct {
	link.Link
	out writer
	in  reader
	// road is the data channel's part of out's time. The rest went to control
	// packets, which another goroutine sends.
	road atomic.Int64
}

func (m *meteredLink) ReadBatch(batch []*buf.Packet) (int, error) {
	return m.in.read(m.Link.ReadBatch, batch)
}

func (m *meteredLink) WriteBatch(batch []*buf.Packet) (int, error) {
	op, _ := wire.ParseHead(batch[0].Bytes()[0])
	took, n, err := m.out.write(m.Link.WriteBatch, batch)
	if op.IsData() {
		m.road.Add(int64(took))
	}
	return n, err
}

// end is one end of the tunnel, with meters on both sides.
type end struct {
	nic  *meteredNIC
	link *meteredLink
	want bringup.State // the wanted state of the adapter
}

// open returns an opener that puts meters on what next opens.
func (e *end) open(next bringup.Opener) bringup.Opener {
	return func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
		a, err := next(ctx, want)
		if err != nil {
			return nil, err
		}
		e.want, e.nic = want, &meteredNIC{NIC: a.NIC}
		a.NIC = e.nic
		return a, nil
	}
}

// seal returns the time per packet from adapter to socket, without the call to the
// socket: finding the peer, and sealing.
func (e *end) seal() time.Duration {
	return e.nic.out.each(e.nic.out.spent() - time.Duration(e.link.road.Load()))
}

// unseal returns the time per packet from socket to adapter, without the call to
// the adapter: finding the peer, opening, and checking the source.
func (e *end) unseal() time.Duration {
	return e.link.in.each(e.link.in.spent() - e.nic.in.spent())
}
