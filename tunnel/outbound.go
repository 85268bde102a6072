package tunnel

// Outbound, in packet order:
//
//	Outbound      a batch from the adapter
//	  before      wait for the shaper, refuse IPv6
//	  Role.Route  whose is it
//	  NAT
//	  sealForAll  a copy for each, if it is for several
//	  tooLong     cut or refuse what the path does not carry (takesCut: not all)
//	  clampMSS    keep TCP within what it does
//	  Data.Seal
//	    sealPieces  with fragment
//	  sender.add  to the peer's link, in one call per batch

import (
	"context"
	"time"

	"culvert/internal/brake"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/nic"
	"culvert/session/framing"
)

// Outbound carries packets from the adapter to the peers until the adapter is
// closed, or nothing but errors has come from it for brake.Patience. It returns
// the error that ended it. Cancel ctx when closing the adapter: that ends pauses.
func (r *Road) Outbound(ctx context.Context, adapter nic.NIC) error {
	queues := nic.Queues(adapter)
	if len(queues) == 1 {
		return r.outbound(ctx, queues[0], 0)
	}
	return inParallel(len(queues), func(queue int) error { return r.outbound(ctx, queues[queue], queue) })
}

// outbound is Outbound for one queue of the adapter.
func (r *Road) outbound(ctx context.Context, adapter nic.NIC, queue int) error {
	first, _ := batchOf(adapter)
	batch := buf.NewBatch(first, r.PacketSize)
	out := sender{road: r, spares: buf.NewSpares(r.PacketSize), queue: queue, patient: true}
	var to Receivers
	var others turns
	var failing brake.Brake
	for {
		out.special, out.class = r.special.Load(), 0
		n, err := adapter.ReadBatch(out.special.first(batch))
		if n > 0 {
			failing.Succeeded()
		}
		if err != nil {
			if err = r.failed(ctx, &failing, err, func() string { return "adapter " + adapter.Name() }); err != nil {
				return err
			}
		}
		now := time.Now()
		out.now = now
		out.watch = watching(&r.Observer, false)
		out.watch.enter(AtAdapter, batch[:n], nil)
		for i, p := range batch[:n] {
			out.watch.turn(p, i, n)
			to.reset()
			var drop Drop
			if out.special != nil {
				now, drop = r.before(ctx, now, p, &out)
			}
			if drop == Kept {
				drop = r.Role.Route(now, p, &to)
			}
			out.watch.route(p, &to, drop)
			if drop != Kept {
				r.Counters.Add(drop)
				continue
			}
			if out.special != nil {
				out.special.NAT.translate(r.innerOf(p.Bytes()), toPeer)
			}
			r.sealForAll(now, &to, p, &out)
		}
		out.end()
		out.watch.leave(batch[:n])
		others.give(now)
	}
}

// sealFor seals a packet for the peer's data channel and hands it to the sender.
func (r *Road) sealFor(now time.Time, peer *Peer, p *buf.Packet, out *sender) Drop {
	size := p.Len()
	if !r.Ethernet && r.tooNarrow(now, peer, size) && !takesCut(peer, p.Bytes()) {
		return r.tooLong(now, peer, p, out)
	}
	r.clampMSS(p.Bytes(), peer.maxInner())
	if out.special != nil && !out.admits(r.innerOf(p.Bytes())) {
		return Shaped
	}
	out.hold(peer)
	err := peer.Data.Seal(now, p)
	switch {
	case err == framing.ErrTooLarge:
		err = r.sealPieces(now, peer, p, out)
	case err == nil:
		out.add(peer, p)
	}
	if err != nil {
		drop := dropOf(err)
		out.watch.at(AtSeal, p, peer, drop)
		return drop
	}
	peer.Counters.OutPackets.Add(1)
	peer.Counters.OutBytes.Add(uint64(size))
	return Kept
}

// sealPieces sends a packet in pieces (`fragment`).
func (r *Road) sealPieces(now time.Time, peer *Peer, p *buf.Packet, out *sender) error {
	pieces, err := peer.Data.Cut(p)
	if err != nil {
		return err
	}
	for {
		piece := out.spares.Next()
		out.watch.follow(piece, p)
		more, err := peer.Data.SealPiece(now, &pieces, piece)
		if err != nil || !more {
			return err
		}
		out.add(peer, piece)
	}
}

// sender gathers packets of one batch and writes them with one call for each run
// that shares a link. Packets stay in order. Those of a peer leave in the order of
// their packet-ids, even if others seal for it, too: a receiver drops what comes
// too far behind.
type sender struct {
	road    *Road
	queue   int     // of the links to write to
	held    []*Peer // for which this sender alone seals, until its packets have left
	link    link.Link
	packets []*buf.Packet
	watch   *watch // of the batch

	spares buf.Spares // for pieces and copies

	special *Special // nil: nothing
	now     time.Time
	class   uint8 // of the packet being sealed
	patient bool  // packets wait for the shaper; else those that come too early are dropped
	timer   *time.Timer
	answers [1]*buf.Packet
}

// admits takes note of a packet's class, and reports whether it may be sent now.
func (s *sender) admits(packet []byte) bool {
	s.class = 0
	if s.special.Class {
		s.class = classOf(packet)
	}
	shaper := s.special.Shaper
	return shaper == nil || s.patient || shaper.early(s.now) < shaperDebt
}

// copyOf returns a copy of a packet. It is valid until the end of the batch, or
// until batchSize other copies were made.
func (s *sender) copyOf(p *buf.Packet) *buf.Packet {
	if s.spares.Used() >= batchSize {
		s.end()
	}
	c := s.spares.Next()
	s.watch.follow(c, p)
	c.Set(p.Bytes())
	return c
}

func (s *sender) add(peer *Peer, p *buf.Packet) {
	if peer.link != s.link {
		s.flush()
		s.link = peer.link
	}
	p.Path, p.Class = peer.Path(), s.class
	if s.special != nil && s.special.Shaper != nil {
		s.special.Shaper.sent(s.now, p.Len())
	}
	peer.Counters.LinkOut.Add(uint64(p.Len()))
	s.watch.at(AtSeal, p, peer, Kept)
	s.packets = append(s.packets, p)
}

// hold makes this sender the only one that seals for a peer, until the end of the
// batch. If it has to wait for another sender, it first releases all that it holds,
// so that no two wait for each other.
func (s *sender) hold(peer *Peer) {
	if peer.sender.Load() == s {
		return
	}
	if !peer.sending.TryLock() {
		s.letGo()
		peer.sending.Lock()
	}
	peer.sender.Store(s)
	s.held = append(s.held, peer)
}

// letGo sends what there is and lets other senders seal.
func (s *sender) letGo() {
	s.flush()
	for _, peer := range s.held {
		peer.sender.Store(nil)
		peer.sending.Unlock()
	}
	clear(s.held)
	s.held = s.held[:0]
}

// end sends what there is, and frees all spares.
func (s *sender) end() {
	s.letGo()
	s.spares.Reset()
}

func (s *sender) flush() {
	if len(s.packets) == 0 {
		return
	}
	refused := s.road.Counters.Of(TooLarge)
	s.watch.write(AtLink, s.link, s.packets, link.Queue(s.link, s.queue).WriteBatch, &s.road.Counters)
	s.packets = s.packets[:0]
	if s.road.Counters.Of(TooLarge) != refused { // by this sender or another: looking once more does no harm
		s.lookAtPaths()
	}
}
