// Package ether makes an adapter for IP packets out of one for Ethernet frames. A
// tunnel that carries only IP has nobody at its other end who answers ARP,
// neighbour discovery or DHCP. So they are answered here, by a phantom gateway that
// stands for everybody in the network behind the tunnel, as in OpenVPN's TAP driver
// for Windows.
//
// Whatever is neither IP nor a question with an answer here is dropped and counted.
package ether

import (
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

var _ nic.NIC = (*NIC)(nil)

// NIC is an adapter that carries IP, on top of one that carries Ethernet. It reads
// one queue of that adapter and does not forward nic.Queued, because packets of the
// other queues would bypass the answers.
type NIC struct {
	nic.NIC // of frames
	framer  framer
	counts  Counters
	in      []*buf.Packet // of the batch being written

	writing sync.Mutex // of frames: packets of the tunnel, and answers
	mu      sync.Mutex // of what is below
	machine answerer
	timer   *time.Timer // for machine.next; nil: none
	plug    *time.Timer // until the cable is plugged in again; nil: it is plugged in
	strange strangers
	closed  bool
}

// Options are what New needs for an adapter.
type Options struct {
	// FollowMAC calls told with the MAC of the host's adapter, at once and whenever
	// it changes. Frames from a MAC that the adapter never had are dropped.
	FollowMAC func(told func(frame.MAC)) error
	// FormerMACs are MACs that the adapter had before. A program that looked at it
	// then, as a DHCP client may before udev, sends from them. Such frames count as
	// the adapter's own, like those from any MAC that it had since.
	FormerMACs []frame.MAC
	Network    Network
	Log        *slog.Logger // nil: silence
}

// New takes over an adapter that carries frames. Its MTU is for the packets in
// them.
func New(frames nic.NIC, o Options) (*NIC, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n := &NIC{NIC: frames}
	n.machine = answerer{framer: &n.framer, counts: &n.counts, log: o.Log}
	n.framer.macs.Store(&macs{former: o.FormerMACs})
	if err := o.FollowMAC(n.setMAC); err != nil {
		return nil, err
	}
	if n.framer.macs.Load().adapter == (frame.MAC{}) {
		return nil, fmt.Errorf("ether: %s: the adapter has no MAC address of a station", n.Name())
	}
	n.Update(o.Network)
	return n, nil
}

// setMAC notes that the host's adapter has another MAC. The gateway keeps its own:
// the host knows the gateway by it, and the host's DHCPv6 client knows the server
// by the identifier made from it.
func (n *NIC) setMAC(adapter frame.MAC) {
	if !adapter.IsStation() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.framer.macs.Load()
	if was.adapter != (frame.MAC{}) {
		n.machine.log.Info("the adapter has another MAC address now", "was", was.adapter, "now", adapter)
	}
	n.framer.macs.Store(was.changed(adapter))
	n.strange.since = time.Time{}
}

// Gateway returns the MAC of the phantom gateway on the segment of an adapter:
// different from the adapter's, the same each time, and locally administered.
func Gateway(adapter frame.MAC) frame.MAC {
	adapter[0] |= 2
	adapter[5] ^= 1
	return adapter
}

// Kind is IP: the Ethernet is for the host alone.
func (n *NIC) Kind() nic.Kind { return nic.IP }

// Update changes the network, as after a push, and reports whether the host was
// told something else before. The host is told at once by router advertisement, and
// by DHCP when it asks; Replug makes it ask. The same network again changes
// nothing.
func (n *NIC) Update(network Network) (changed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	// A host that has not learned of a smaller MTU may still use the one before.
	n.framer.mtu.Store(max(n.framer.mtu.Load(), int32(n.MTU()), int32(network.MTU)))
	if reflect.DeepEqual(network, n.machine.network) {
		return false
	}
	n.write(n.machine.update(time.Now(), network))
	return network.DHCP
}

// Counters counts what was dropped and what was answered.
func (n *NIC) Counters() *Counters { return &n.counts }

// ReadBatch waits for IP packets of the host, and meanwhile answers its questions.
// See nic.NIC.
func (n *NIC) ReadBatch(batch []*buf.Packet) (int, error) {
	for {
		count, err := n.NIC.ReadBatch(batch)
		kept := 0
		for i, p := range batch[:count] {
			if n.outbound(p) {
				batch[kept], batch[i] = p, batch[kept]
				kept++
			}
		}
		if kept > 0 || err != nil || len(batch) == 0 {
			return kept, err
		}
	}
}

// outbound reports whether a frame held a packet for the tunnel.
func (n *NIC) outbound(p *buf.Packet) bool {
	k, why := n.framer.sort(p)
	switch k {
	case carried:
		return true
	case dropped:
		n.counts.Add(why)
		n.explain(why, p)
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.write(n.machine.ask(k, p.Bytes()))
	return false
}

// WriteBatch gives the host IP packets from the tunnel. See nic.NIC.
func (n *NIC) WriteBatch(batch []*buf.Packet) (int, error) {
	n.in = n.in[:0]
	for _, p := range batch {
		if why, ok := n.framer.wrap(p); ok {
			n.in = append(n.in, p)
		} else {
			n.counts.Add(why)
		}
	}
	if len(n.in) == 0 {
		return 0, nil
	}
	n.writing.Lock()
	defer n.writing.Unlock()
	return n.NIC.WriteBatch(n.in)
}

// write sends frames of the machine to the host, and plans its next tick. If the
// host does not take a frame, as before it is up, it will ask or be told again.
func (n *NIC) write(frames [][]byte) {
	n.plan()
	if len(frames) == 0 {
		return
	}
	batch := make([]*buf.Packet, len(frames))
	for i, b := range frames {
		batch[i] = buf.New(len(b))
		batch[i].Set(b)
	}
	n.writing.Lock()
	defer n.writing.Unlock()
	_, _ = n.NIC.WriteBatch(batch)
}

// plan sets the timer for the machine's next tick.
func (n *NIC) plan() {
	if n.timer != nil {
		n.timer.Stop()
		n.timer = nil
	}
	if next := n.machine.next(); !next.IsZero() && !n.closed {
		n.timer = time.AfterFunc(time.Until(next), n.tick)
	}
}

func (n *NIC) tick() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.write(n.machine.tick(time.Now()))
	}
}

// Close ends pending calls and frees the adapter. See nic.NIC.
func (n *NIC) Close() error {
	n.mu.Lock()
	n.closed = true
	n.plan()
	if n.plug != nil {
		n.plug.Stop()
	}
	n.mu.Unlock()
	return n.NIC.Close()
}
