package tunnel

import (
	"context"
	"net/netip"
	"time"

	"culvert/internal/buf"
)

// Special is what a configuration has done to packets besides carrying them. The
// zero value does nothing.
type Special struct {
	// Shaper limits what is sent to the peers; nil: no limit (`shaper`).
	Shaper *Shaper
	// NAT translates addresses between adapter and peers; nil: none (`client-nat`).
	NAT NAT
	// NoIPv6, if valid, is the source of the answers that refuse IPv6 packets: those
	// out of the adapter, or where FromPeers is set, those of the peers (`block-ipv6`).
	NoIPv6    netip.Addr
	FromPeers bool
	// Class gives datagrams the class (DSCP) of the packets inside (`passtos`). The
	// bits of ECN stay 0, since nobody would bring the marks of outer packets back
	// to the inner ones (RFC 6040).
	Class bool
}

// SetSpecial sets what is done from the next batches on.
func (r *Road) SetSpecial(s Special) {
	if s.Shaper == nil && len(s.NAT) == 0 && !s.NoIPv6.IsValid() && !s.Class {
		r.special.Store(nil)
		return
	}
	r.special.Store(&s)
}

// Special returns what SetSpecial set.
func (r *Road) Special() Special {
	if s := r.special.Load(); s != nil {
		return *s
	}
	return Special{}
}

// first returns how many packets to read from the adapter at once: no more than the
// shaper soon lets out, since what is read waits in no queue that knows of delay.
func (s *Special) first(batch []*buf.Packet) []*buf.Packet {
	if s == nil || s.Shaper == nil {
		return batch
	}
	return batch[:min(len(batch), s.Shaper.batch())]
}

// refuses reports whether a packet from the adapter, or from a peer, is one of IPv6
// that goes nowhere.
func (s *Special) refuses(r *Road, p *buf.Packet, fromPeer bool) bool {
	ip := r.innerOf(p.Bytes())
	return s.NoIPv6.IsValid() && s.FromPeers == fromPeer && len(ip) > 0 && ip[0]>>4 == 6
}

// before is done to a packet of the adapter before anything else. It may wait, and
// returns the time after that.
func (r *Road) before(ctx context.Context, now time.Time, p *buf.Packet, out *sender) (time.Time, Drop) {
	s := out.special
	if s.Shaper != nil {
		now = s.Shaper.wait(ctx, now, out)
	}
	if !s.refuses(r, p, false) {
		return now, Kept
	}
	answer := out.spares.Next()
	if r.noRoute(answer, p, s.NoIPv6) {
		out.answers[0] = answer
		r.deliver(out.answers[:], out.queue, nil)
	}
	return now, Refused
}

// refuse answers a peer's IPv6 packet.
func (r *Road) refuse(now time.Time, peer *Peer, p *buf.Packet, out *sender) Drop {
	answer := out.spares.Next()
	if r.noRoute(answer, p, out.special.NoIPv6) {
		r.sealFor(now, peer, answer, out)
	}
	return Refused
}

// classOf returns the class of an IP packet: its type of service or traffic class, with
// the bits of ECN cleared.
func classOf(packet []byte) uint8 {
	const ecn = 3
	switch {
	case len(packet) < 2:
		return 0
	case packet[0]>>4 == 4:
		return packet[1] &^ ecn
	case packet[0]>>4 == 6:
		return (packet[0]<<4 | packet[1]>>4) &^ ecn
	}
	return 0
}
