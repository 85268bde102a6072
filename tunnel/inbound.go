package tunnel

// Inbound, in packet order:
//
//	Inbound             a batch from the link
//	  open              whose is it; control packets leave the road here
//	    Data.Open
//	    Role.Moved      the peer floated to another address
//	  refuse            answer IPv6 where that is blocked
//	  Role.Forward      may this peer send from that address; where to
//	  NAT
//	  clampMSS
//	  sealForAll        copies for other clients
//	  adapter.WriteBatch

import (
	"context"
	"errors"
	"time"

	"culvert/internal/brake"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
	"culvert/nic/frame"
	"culvert/session"
	"culvert/session/seal"
	"culvert/session/wire"
)

// Inbound carries packets from a link to the adapter until the link is closed, or
// nothing but errors has come from it for brake.Patience. It returns the error
// that ended it. Cancel ctx when closing the link: that ends pauses.
func (r *Road) Inbound(ctx context.Context, l link.Link) error {
	queues := link.Queues(l)
	if len(queues) == 1 {
		return r.inboundQueue(ctx, l, l, int(r.single.Add(1)-1))
	}
	return inParallel(len(queues), func(queue int) error { return r.inboundQueue(ctx, l, queues[queue], queue) })
}

// inboundQueue is Inbound for one socket of the link and one queue of the adapter.
func (r *Road) inboundQueue(ctx context.Context, l, socket link.Link, queue int) error {
	size := r.PacketSize + buf.Headroom + buf.Tailroom
	first, most := batchOf(socket)
	batch := buf.NewBatch(first, size)
	in := make([]*buf.Packet, 0, len(batch))
	out := sender{road: r, spares: buf.NewSpares(size), queue: queue}
	var to Receivers
	var others turns
	var failing brake.Brake
	for {
		n, err := socket.ReadBatch(batch)
		if n > 0 {
			failing.Succeeded()
		}
		if err != nil {
			if err = r.failed(ctx, &failing, err, func() string { return "link at " + l.LocalAddr().String() }); err != nil {
				return err
			}
		}
		now := time.Now()
		in = in[:0]
		out.special, out.class, out.now = r.special.Load(), 0, now
		out.watch = watching(&r.Observer, true)
		out.watch.enter(AtLink, batch[:n], l)
		for i, p := range batch[:n] {
			out.watch.turn(p, i, n)
			drop := r.inbound(now, l, p, &to, &in, &out)
			if drop != Kept {
				r.Counters.Add(drop)
			}
		}
		out.end()
		r.deliver(in, queue, out.watch)
		out.watch.leave(batch[:n])
		others.give(now)
		if n == len(batch) && n < most {
			batch = buf.NewBatch(min(2*n, most), size)
		}
	}
}

// batchOf returns how many packets to take from a link or an adapter at once, at
// first and at most (buf.BatchSizer).
func batchOf(source any) (first, most int) {
	if s, ok := source.(buf.BatchSizer); ok {
		return s.BatchSize()
	}
	return batchSize, batchSize
}

// inbound takes one datagram as far as the batch for the adapter, or for other
// peers.
func (r *Road) inbound(now time.Time, l link.Link, p *buf.Packet, to *Receivers, in *[]*buf.Packet, out *sender) Drop {
	if p.Len() == 0 {
		out.watch.at(AtOpen, p, nil, Malformed)
		return Malformed
	}
	if op, _ := wire.ParseHead(p.Bytes()[0]); !r.Headless && !op.IsData() {
		out.watch.at(AtControl, p, nil, Kept)
		r.Role.Control(l, p)
		return Kept
	}
	from, kind, drop := r.open(now, l, p)
	out.watch.at(AtOpen, p, from, drop)
	if drop != Kept {
		return drop
	}
	if kind != session.KindPacket {
		out.watch.at(AtControl, p, from, Kept)
		return Kept
	}
	to.reset()
	if out.special != nil && out.special.refuses(r, p, true) {
		drop = r.refuse(now, from, p, out)
	} else {
		drop = r.Role.Forward(now, from, p, to)
	}
	out.watch.route(p, to, drop)
	if drop != Kept {
		if drop == Malformed {
			from.Data.Malformed(p.Bytes())
			from.alarm()
		}
		return drop
	}
	from.Counters.InPackets.Add(1)
	from.Counters.InBytes.Add(uint64(p.Len()))
	if out.special != nil {
		out.special.NAT.translate(r.innerOf(p.Bytes()), fromPeer)
	}
	r.clampMSS(p.Bytes(), from.maxInner())
	r.sealForAll(now, to, p, out)
	if to.Adapter {
		if to.Tag != 0 {
			frame.Tag(p, to.Tag, 0)
		}
		*in = append(*in, p)
	}
	return Kept
}

// open finds the peer of a packet of the data channel and opens it.
func (r *Road) open(now time.Time, l link.Link, p *buf.Packet) (*Peer, session.Kind, Drop) {
	peer, drop := r.Role.Demultiplex(l, p)
	if drop != Kept {
		return nil, 0, drop
	}
	path, size := p.Path, p.Len()
	kind, err := peer.Data.Open(now, p)
	if err != nil {
		peer.Counters.Refused.Add(1)
		peer.alarm()
		return peer, 0, dropOf(err)
	}
	peer.Counters.LinkIn.Add(uint64(size))
	if path != *peer.path.Load() {
		r.Role.Moved(peer, path)
	}
	switch kind {
	case session.KindExit:
		peer.post(maxMail, func(time.Time) { peer.Session.PeerExited() })
	case session.KindMTUTest:
		peer.post(maxMail, func(time.Time) { peer.Session.MTUTest() })
	}
	return peer, kind, Kept
}

func dropOf(err error) Drop {
	switch {
	case errors.Is(err, seal.ErrReplay):
		return Replayed
	case errors.Is(err, seal.ErrNoKey), errors.Is(err, seal.ErrExhausted):
		return NoKey
	case errors.Is(err, seal.ErrAuth):
		return Forged
	}
	return Malformed
}

// deliver gives packets to a queue of the adapter.
func (r *Road) deliver(in []*buf.Packet, queue int, w *watch) {
	if len(in) == 0 {
		return
	}
	var adapter nic.NIC
	if r.Adapter != nil {
		adapter = r.Adapter()
	}
	if adapter == nil {
		r.Counters.AddN(Unsent, len(in))
		for _, p := range in {
			w.at(AtAdapter, p, nil, Unsent)
		}
		return
	}
	to, number := nic.Queue(adapter, queue)
	writing := &r.delivering[number%maxQueues]
	writing.Lock()
	defer writing.Unlock()
	w.write(AtAdapter, nil, in, to.WriteBatch, &r.Counters)
}
