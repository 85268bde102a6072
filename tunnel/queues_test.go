package tunnel

import (
	"errors"
	"io/fs"
	"net/netip"
	"sync"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
	"culvert/session"
	"culvert/session/seal"
)

// manyQueues is an adapter with several queues.
type manyQueues struct {
	nic.NIC
	queues []nic.NIC
}

func (m *manyQueues) Queues() []nic.NIC { return m.queues }

// strict is a link whose other end opens what is sent to it in the order it
// comes, with the replay window that OpenVPN has by default.
type strict struct {
	link.Link
	mu      sync.Mutex
	opens   map[netip.AddrPort]*session.Data
	packets int
	err     error
}

func (s *strict) WriteBatch(batch []*buf.Packet) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range batch {
		if _, err := s.opens[p.Path.Remote].Open(time.Now(), p); err != nil {
			s.err = errors.Join(s.err, err)
		}
		s.packets++
	}
	return len(batch), nil
}

// TestQueuesKeepOrder: however many queues seal for the same peers at the same
// time, no receiver takes a packet for one that comes too late.
func TestQueuesKeepOrder(t *testing.T) {
	const queues, packets = 4, 5_000
	far := &strict{opens: make(map[netip.AddrPort]*session.Data)}
	var peers []*Peer
	for _, at := range []netip.AddrPort{nearAddr, farAddr} {
		client, server := sessions(t)
		defer client.Close()
		defer server.Close()
		far.opens[at] = client.Data()
		peers = append(peers, NewPeer(server, far, buf.Path{Remote: at}, nil))
	}
	// Each packet goes to both, in an order that differs from one to the next,
	// so that queues would wait for each other if they could.
	var turn sync.Mutex
	var flip bool
	role := &fakeRole{}
	role.route = func(to *Receivers) Drop {
		turn.Lock()
		flip = !flip
		first := flip
		turn.Unlock()
		if first {
			to.Peers = append(to.Peers, peers[0], peers[1])
		} else {
			to.Peers = append(to.Peers, peers[1], peers[0])
		}
		return Kept
	}
	r := &Road{Role: role, PacketSize: 1800}
	role.road = r
	adapter := new(manyQueues)
	for range queues {
		adapter.queues = append(adapter.queues, &source{left: packets, packet: ipPacket(100)})
	}
	if err := r.Outbound(t.Context(), adapter); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("outbound ended with %v", err)
	}
	if far.err != nil {
		t.Errorf("refused: %v, %v", far.err, errors.Is(far.err, seal.ErrReplay))
	}
	if want := 2 * queues * packets; far.packets != want {
		t.Errorf("%d packets arrived, not %d", far.packets, want)
	}
}
