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

const benchSize = 1400 // of an inner packet

// source is an adapter that is full until so many packets were read.
type source struct {
	nic.NIC
	left   int
	packet []byte
}

func (s *source) ReadBatch(batch []*buf.Packet) (int, error) {
	n := min(len(batch), s.left)
	if n == 0 {
		return 0, fs.ErrClosed
	}
	for _, p := range batch[:n] {
		p.Reset()
		p.Set(s.packet)
	}
	s.left -= n
	return n, nil
}

func (s *source) WriteBatch(batch []*buf.Packet) (int, error) { return len(batch), nil }

// wireOf is a link that seals what it gives, and takes everything.
type wireOf struct {
	source
	from *session.Data
}

func (w *wireOf) ReadBatch(batch []*buf.Packet) (int, error) {
	n, err := w.source.ReadBatch(batch)
	now := time.Now()
	for _, p := range batch[:n] {
		if err := w.from.Seal(now, p); err != nil {
			return 0, err
		}
		p.Path.Remote = nearAddr
	}
	return n, err
}

func (w *wireOf) LocalAddr() netip.AddrPort { return farAddr }
func (w *wireOf) Close() error              { return nil }

// BenchmarkRoad is what a packet costs on its way, with nothing at either end.
// Inbound includes the sealing of what is opened.
func BenchmarkRoad(b *testing.B) {
	client, server := sessions(b)
	bench := func(name string, run func(r *Road, s source, l *wireOf) error) {
		b.Run(name, func(b *testing.B) {
			s := source{left: b.N, packet: ipPacket(benchSize)}
			l := &wireOf{source: s, from: client.Data()}
			peer := NewPeer(server, link.Link(l), buf.Path{Remote: nearAddr}, nil)
			role := &fakeRole{route: only(peer), demux: func() (*Peer, Drop) { return peer, Kept }}
			r := &Road{Role: role, PacketSize: 1800, Adapter: func() nic.NIC { return &s }}
			role.road = r
			b.SetBytes(benchSize)
			b.ReportAllocs()
			b.ResetTimer()
			_ = run(r, s, l) // it ends as the source does
		})
	}
	bench("outbound", func(r *Road, s source, _ *wireOf) error { return r.Outbound(b.Context(), &s) })
	bench("inbound", func(r *Road, _ source, l *wireOf) error { return r.Inbound(b.Context(), l) })
	client.Close()
	server.Close()
}
