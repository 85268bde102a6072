package swarm

import (
	"fmt"
	"io/fs"
	"net/netip"
	"sync"
	"time"

	"culvert/internal/buf"
	"culvert/nic"
)

var (
	_ nic.NIC        = (*echoNIC)(nil)
	_ buf.BatchSizer = (*echoNIC)(nil)
)

// burst is how many packets a client sends at once.
const burst = 8

// echoNIC is an adapter whose host is the swarm: it sends echo requests when it is
// told to, and counts the answers.
type echoNIC struct {
	swarm         *swarm
	local, target netip.Addr
	mtu           int
	orders        chan order
	close         sync.Once
	closed        chan struct{}
}

// order says to send a number of packets, at most burst.
type order struct {
	lane, turn  uint16
	count, size int
}

func newEchoNIC(s *swarm, local, target netip.Addr, mtu int) *echoNIC {
	return &echoNIC{swarm: s, local: local, target: target, mtu: mtu, orders: make(chan order, 4), closed: make(chan struct{})}
}

func (n *echoNIC) Name() string   { return "swarm" }
func (n *echoNIC) Kind() nic.Kind { return nic.IP }
func (n *echoNIC) MTU() int       { return n.mtu }

// BatchSize returns how many packets a read returns.
func (n *echoNIC) BatchSize() (first, most int) { return burst, burst }

// send sends packets, unless too many orders wait already. It reports whether it
// did.
func (n *echoNIC) send(o order) bool {
	select {
	case n.orders <- o:
		return true
	default:
		return false
	}
}

// ReadBatch waits for an order and makes its packets. See nic.NIC.
func (n *echoNIC) ReadBatch(batch []*buf.Packet) (int, error) {
	select {
	case o := <-n.orders:
		count := min(o.count, len(batch))
		for i := range count {
			n.request(batch[i], o, uint16(i))
		}
		return count, nil
	case <-n.closed:
		return 0, fmt.Errorf("the client left: %w", fs.ErrClosed)
	}
}

func (n *echoNIC) request(p *buf.Packet, o order, i uint16) {
	p.Reset()
	room := p.Room()[:o.size]
	clear(room)
	e := echo{From: n.local, To: n.target, Lane: o.lane, Turn: o.turn + i, Sent: time.Since(n.swarm.began)}
	e.append(room[:0], o.size)
	p.SetLen(o.size)
}

// WriteBatch counts answers. It ignores other packets, such as announcements of
// the server's host. See nic.NIC.
func (n *echoNIC) WriteBatch(batch []*buf.Packet) (int, error) {
	phase := n.swarm.phase.Load()
	now := time.Since(n.swarm.began)
	for _, p := range batch {
		var e echo
		if phase != nil && e.parse(p.Bytes()) == nil && e.Answer && e.From == n.target && e.To == n.local {
			phase.answered(e, p.Len(), now)
		}
	}
	return len(batch), nil
}

// Close ends a pending ReadBatch. Closing twice is harmless.
func (n *echoNIC) Close() error {
	n.close.Do(func() { close(n.closed) })
	return nil
}
