package hub

// A frame's way, in order:
//
//	carry         a batch from the adapter
//	  judge       is it a frame this port may send
//	    classify  the VLAN it is in; its tag comes off
//	    learn     where its source is
//	  forward     to the port its destination is behind, or else
//	    flood     to the uplink, or to all
//	  out.add     the tag goes on again at the uplink
//	out.flush     one write for each port of the batch

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"culvert/internal/brake"
	"culvert/internal/buf"
	"culvert/nic/bridge"
	"culvert/nic/frame"
)

// batchSize is how many frames are carried at once.
const batchSize = 64

// ingress is a frame that came by a port, without its tag.
type ingress struct {
	*buf.Packet
	now      time.Time
	dst, src frame.MAC
	vlan     uint16
	priority uint8
}

// payload returns the frame's length without header and tag.
func (f *ingress) payload() int { return f.Len() - frame.HeaderLen }

// carry forwards what the adapter sends, until the adapter is closed.
func (h *Hub) carry(in *Port) {
	batch := buf.NewBatch(batchSize, frameSize(in.mtu)+1) // one more byte shows what is too large
	out := &outbox{spares: buf.NewSpares(frameSize(in.mtu))}
	var failing brake.Brake
	for {
		n, err := in.nic.ReadBatch(batch)
		if n > 0 {
			failing.Succeeded()
		}
		if err != nil {
			if err = h.failed(in, &failing, err); err != nil {
				h.leave(in, err)
				return
			}
		}
		now, m, bytes := time.Now(), h.members.Load(), 0
		in.show(In, batch[:n])
		for _, p := range batch[:n] {
			bytes += p.Len()
			f := ingress{Packet: p, now: now}
			drop := h.judge(m, in, &f)
			if drop == Kept {
				drop = h.forward(m, in, &f, out)
			}
			if drop != Kept {
				in.drops.Add(drop)
			}
		}
		in.InFrames.Add(uint64(n))
		in.InBytes.Add(uint64(bytes))
		out.flush()
	}
}

// failed pauses after an error of a port's adapter, if such errors follow each
// other. It returns the error that ends the port, or nil.
func (h *Hub) failed(in *Port, failing *brake.Brake, err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return err
	}
	v := failing.Failed(time.Now())
	if v.News {
		h.log.Warn("reading from the port's adapter fails again and again; the port pauses between tries, and is removed if that goes on", "port", in.name, "error", err)
	}
	if v.End {
		return fmt.Errorf("reading from it has failed for %v: %w", brake.Patience, err)
	}
	brake.Wait(in.removed.Done(), v.Pause)
	return nil
}

// judge reads a frame and returns why it is dropped, or Kept.
func (h *Hub) judge(m *members, in *Port, f *ingress) Drop {
	head, ok := frame.Parse(f.Bytes())
	if !ok {
		return Runt
	}
	f.dst, f.src = head.Dst, head.Src
	if drop := classify(m, in, head, f); drop != Kept {
		return drop
	}
	refused := in.refuses()
	switch {
	case refused == Down:
		return Down
	case head.Type == typeLoopback && head.Dst == loopbackAssistance && h.loops.returned(m, in, f):
		return Looped // also at a blocked port, which then stays blocked
	case refused != Kept:
		return refused
	case f.payload() > in.mtu:
		return Oversize
	case !f.src.IsStation(), f.dst == frame.MAC{}, head.Type < minType && int(head.Type) > min(f.payload(), maxLength):
		return Malformed
	case isReserved(f.dst):
		return Reserved
	}
	return h.learn(in, f)
}

// EtherTypes begin at minType; below, the field is the length of an 802.3
// frame's payload, maxLength at most.
const (
	minType   = 0x600
	maxLength = 1500
)

// classify finds the VLAN of a frame and takes its tag off.
func classify(m *members, in *Port, head frame.Header, f *ingress) Drop {
	switch {
	case head.Type == frame.TypeVLAN || head.Type == frame.TypeQinQ:
		return Stacked
	case head.VLAN > frame.MaxVLAN:
		return Malformed
	case in.uplink && !m.vlans.has(head.VLAN):
		return NoVLAN
	case !in.uplink && head.VLAN != 0:
		return Tagged
	}
	f.vlan, f.priority = in.vlan, head.Priority
	if in.uplink {
		f.vlan = head.VLAN
	}
	if head.Tagged {
		frame.Untag(f.Packet)
	}
	return Kept
}

// isReserved reports whether a bridge must not forward frames for a group address
// (802.1Q, table 8-1). The address of the spanning tree is an exception: a bridge
// that takes no part in it passes it on, so that the bridges around it find their
// loops.
func isReserved(m frame.MAC) bool {
	return m[0] == 0x01 && m[1] == 0x80 && m[2] == 0xc2 && m[3]|m[4] == 0 && m[5] >= 1 && m[5] <= 0x0f
}

// learn notes where the source is, unless it is known to be elsewhere.
func (h *Hub) learn(in *Port, f *ingress) Drop {
	if in.own && f.src != in.mac {
		return NotOwn
	}
	outcome, before := h.table.Learn(f.now, f.vlan, f.src, in)
	switch {
	case outcome == bridge.Returned, outcome == bridge.Held && h.isFromOutside(in, f) && h.table.Take(f.now, f.vlan, f.src, in):
		h.contested(in, before, f)
		return Kept
	case outcome != bridge.Held:
		return Kept
	case before.mac == f.src:
		return Spoofed
	}
	return InUse
}

// isFromOutside reports whether a frame cannot be one that the hub sent out by the
// uplink and that the LAN sent back: it is for a station behind another port, and
// the hub would have given it to that port. So its source is behind the uplink,
// even if another port shows that address.
func (h *Hub) isFromOutside(in *Port, f *ingress) bool {
	if !in.uplink || f.dst.IsGroup() {
		return false
	}
	to, ok := h.table.Lookup(f.now, f.vlan, f.dst)
	return ok && to != in
}

// contested logs that a port has got back an address that another port had taken.
func (h *Hub) contested(owner, taker *Port, f *ingress) {
	h.contests.Do(func() {
		h.log.Warn("a port had taken the MAC address of a station behind another, which shows it again and has it back: "+
			"two stations have one address, or one poses as the other; an adapter with `ownmac` can only use its own",
			"address", f.src, "VLAN", f.vlan, "port", owner.name, "taken by", taker.name)
	})
}

// forward puts a frame in the outbox for the port that its destination is behind.
func (h *Hub) forward(m *members, in *Port, f *ingress, out *outbox) Drop {
	if f.dst == in.mac {
		return Local
	}
	if f.dst.IsGroup() {
		return flood(m, in, f, out)
	}
	to, ok := h.table.Lookup(f.now, f.vlan, f.dst)
	switch {
	case !ok && m.uplink != nil && in != m.uplink:
		to = m.uplink
	case !ok:
		return flood(m, in, f, out)
	case to == in:
		return Local
	}
	if drop := to.takes(f); drop != Kept {
		to.drops.Add(drop)
		return Kept
	}
	out.add(to, f, f.Packet)
	return Kept
}

// takes returns why a port cannot have a frame, or Kept.
func (p *Port) takes(f *ingress) Drop {
	if f.payload() > p.mtu {
		return Oversize
	}
	return p.refuses()
}

// flood puts a copy in the outbox for every other port of the VLAN.
func flood(m *members, in *Port, f *ingress, out *outbox) Drop {
	if !in.storm.AllowN(f.now, 1) {
		return Storm
	}
	for _, to := range m.ports {
		if to == in || !to.carries(f.vlan) {
			continue
		}
		switch to.takes(f) {
		case Kept:
			p := out.spare()
			p.Set(f.Bytes())
			out.add(to, f, p)
		case Oversize:
			to.drops.Add(Oversize)
		}
	}
	return Kept
}

// maxSpares bounds the copies that wait to be written.
const maxSpares = 256

// outbox gathers the frames of one batch by the port they are for. For each
// port they stay in order.
type outbox struct {
	bySlot []bundle
	filled []int // the slots that have frames

	spares buf.Spares // for copies
}

// bundle is frames for one port.
type bundle struct {
	to     *Port
	frames []*buf.Packet
}

// spare returns a buffer that is free until the next flush.
func (o *outbox) spare() *buf.Packet {
	if o.spares.Used() == maxSpares {
		o.flush()
	}
	return o.spares.Next()
}

// add makes p, an untagged frame, into what the port's adapter should see.
func (o *outbox) add(to *Port, f *ingress, p *buf.Packet) {
	if to.uplink && f.vlan != 0 {
		frame.Tag(p, f.vlan, f.priority)
	}
	for to.slot >= len(o.bySlot) {
		o.bySlot = append(o.bySlot, bundle{})
	}
	b := &o.bySlot[to.slot]
	if b.to != to { // the slot had another owner when this batch began
		b.flush()
		b.to = to
	}
	if len(b.frames) == 0 {
		o.filled = append(o.filled, to.slot)
	}
	b.frames = append(b.frames, p)
}

func (o *outbox) flush() {
	for _, slot := range o.filled {
		o.bySlot[slot].flush()
	}
	o.filled = o.filled[:0]
	o.spares.Reset()
}

func (b *bundle) flush() {
	if len(b.frames) > 0 {
		b.to.send(b.frames)
		b.frames = b.frames[:0]
	}
}
