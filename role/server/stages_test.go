package server

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/role/server/lease"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// crowd is a server's part in the road with n clients let in: client i has peer-id i and
// the address crowdAddr(i).
func crowd(tb testing.TB, n int) traffic {
	r := traffic{table: newTable(n), together: new(atomic.Bool)}
	for i := range n {
		id := wire.SessionID{byte(i), byte(i >> 8), 1}
		c := &client{own: new(config.PerClient), lease: &lease.Lease{IPv4: crowdAddr(i)}}
		c.Peer = tunnel.NewPeer(session.Accept(session.Config{}, &session.Opening{Client: id, Server: id}, time.Now()), nil,
			buf.Path{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 1000)}, nil)
		c.Owner = c
		if _, ok := r.table.add(c, n); !ok || !r.table.keep(c) {
			tb.Fatal("no room")
		}
		if c.id, _ = r.table.takeID(); int(c.id) != i {
			tb.Fatalf("client %d has peer-id %d", i, c.id)
		}
		leads(c)
		r.table.establish(c, false)
	}
	return r
}

func crowdAddr(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}) }

// between is an IPv4 packet.
func between(src, dst netip.Addr) *buf.Packet {
	p := buf.New(buf.DefaultSize)
	b := make([]byte, 100)
	b[0] = 0x45
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	p.Set(b)
	return p
}

// stages are what the role does for a packet, each as a call to be measured
// and checked: it is false when the wrong client was found.
func stages(tb testing.TB) map[string]func() bool {
	const n, at = 1000, 777
	r := crowd(tb, n)
	peer := r.table.peerID(at).Peer
	inner, outside := crowdAddr(at), netip.MustParseAddr("203.0.113.1")
	down, up := between(outside, inner), between(inner, outside)
	sealed := buf.New(buf.DefaultSize)
	sealed.Set(make([]byte, 60))
	wire.PutDataV2(sealed.Bytes(), 0, at)
	now := time.Now()
	var to tunnel.Receivers
	return map[string]func() bool{
		"Route": func() bool {
			to.Peers, to.Adapter = to.Peers[:0], false
			return r.Route(now, down, &to) == tunnel.Kept && to.Peers[0] == peer
		},
		"Demultiplex": func() bool {
			found, drop := r.Demultiplex(nil, sealed)
			return found == peer && drop == tunnel.Kept
		},
		"Forward": func() bool {
			to.Peers, to.Adapter = to.Peers[:0], false
			return r.Forward(now, peer, up, &to) == tunnel.Kept && to.Adapter
		},
	}
}

// TestStagesDoNotAllocate: finding whose a packet is costs no memory.
func TestStagesDoNotAllocate(t *testing.T) {
	for name, run := range stages(t) {
		if n := testing.AllocsPerRun(100, func() {
			if !run() {
				t.Errorf("%s found another client, or none", name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkRoute(b *testing.B)       { benchmarkStage(b, "Route") }
func BenchmarkDemultiplex(b *testing.B) { benchmarkStage(b, "Demultiplex") }
func BenchmarkForward(b *testing.B)     { benchmarkStage(b, "Forward") }

func benchmarkStage(b *testing.B, name string) {
	run := stages(b)[name]
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
}
