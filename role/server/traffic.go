package server

import (
	"sync/atomic"
	"time"

	"culvert/access/policy"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/session/wire"
	"culvert/tunnel"
)

// traffic is the server's part in the road: it finds the client that a packet is for
// or from.
type traffic struct {
	table    *table
	together *atomic.Bool // client-to-client
	door     *door
	guard    *policy.Guard // nil: every packet passes
	report   func(Event)
}

// Route finds the client that an outbound packet is for, by its destination.
func (r traffic) Route(now time.Time, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	src, dst, ok := tunnel.Addresses(p.Bytes())
	if !ok {
		return tunnel.Malformed
	}
	c := r.table.route(dst)
	if c == nil {
		return tunnel.NoRoute
	}
	if r.guard != nil {
		if drop := r.judge(now, r.table.route(src), c, p, to); drop != tunnel.Kept {
			return drop
		}
	}
	if !c.gets(now, len(p.Bytes())) {
		return tunnel.OverRate
	}
	to.Add(c.Peer)
	return tunnel.Kept
}

// Demultiplex finds the client that a data packet is from: by its peer-id, or
// by address where it has none.
func (r traffic) Demultiplex(l link.Link, p *buf.Packet) (*tunnel.Peer, tunnel.Drop) {
	if c, ok := l.(*stream); ok {
		return c.peer()
	}
	b := p.Bytes()
	id := wire.PeerIDUnset
	if op, _ := wire.ParseHead(b[0]); op == wire.PDataV2 {
		if len(b) < wire.DataHeaderV2 {
			return nil, tunnel.Malformed
		}
		id = wire.ParseDataV2(b)
	}
	c := r.table.peerID(id)
	if id == wire.PeerIDUnset {
		c = r.table.addr(outer{l, p.Path.Remote})
	}
	if c == nil || c.Link() != l {
		return nil, tunnel.UnknownPeer
	}
	return c.Peer, tunnel.Kept
}

// Forward lets a packet in if its source address is leased to its sender, and sends it
// to another client if it is for one and client-to-client is set.
func (r traffic) Forward(now time.Time, from *tunnel.Peer, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	src, dst, ok := tunnel.Addresses(p.Bytes())
	if !ok {
		return tunnel.Malformed
	}
	owner := r.table.route(src)
	if owner == nil || owner.Peer != from {
		r.badSource(from.Owner.(*client), src, p.Bytes())
		return tunnel.BadSource
	}
	if r.guard != nil {
		if drop := r.judge(now, owner, r.table.route(dst), p, to); drop != tunnel.Kept {
			return drop
		}
	}
	if !owner.sends(now, len(p.Bytes())) {
		return tunnel.OverRate
	}
	if r.together.Load() {
		if c := r.table.route(dst); c != nil {
			if !c.gets(now, len(p.Bytes())) {
				return tunnel.OverRate
			}
			to.Add(c.Peer)
			return tunnel.Kept
		}
	}
	to.Adapter = true
	return tunnel.Kept
}

// Moved follows a client to another outer address, unless a different client
// is there.
func (r traffic) Moved(p *tunnel.Peer, path buf.Path) {
	c := p.Owner.(*client)
	before := p.Path()
	if before.Remote == path.Remote {
		p.SetPath(path)
		return
	}
	moved := r.table.move(c, path)
	switch now := time.Now(); {
	case !c.reportsMove(now):
	case moved:
		r.report(Moved{About: c.about(now), From: before.Remote})
	default:
		r.report(MoveRefused{About: c.about(now), To: path.Remote})
	}
}

// Control takes a control packet: to its session, or to the door if it has none.
func (r traffic) Control(l link.Link, p *buf.Packet) {
	if c, ok := l.(*stream); ok {
		r.door.fromStream(c, p)
		return
	}
	r.door.packet(l, p)
}
