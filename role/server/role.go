package server

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"culvert/config"
	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/profile"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// role is a server's part in the road: which client a packet is for or from.
type role struct{ *Server }

// Route finds the client that an outbound packet is for, by its destination.
func (r role) Route(_ time.Time, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	_, dst, ok := tunnel.Addresses(p.Bytes())
	if !ok {
		return tunnel.Malformed
	}
	if c := r.table.route(dst); c != nil {
		to.Add(c.Peer)
		return tunnel.Kept
	}
	return tunnel.NoRoute
}

// Demultiplex finds the client that a data packet is from: by its peer-id, or
// by address where it has none.
func (r role) Demultiplex(l link.Link, p *buf.Packet) (*tunnel.Peer, tunnel.Drop) {
	if c, ok := l.(*stream); ok {
		return streamPeer(c)
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

// Forward lets a packet in whose source is leased to its sender, and sends it to
// another client if it is for one and client-to-client is given.
func (r role) Forward(_ time.Time, from *tunnel.Peer, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	src, dst, ok := tunnel.Addresses(p.Bytes())
	if !ok {
		return tunnel.Malformed
	}
	if owner := r.table.route(src); owner == nil || owner.Peer != from {
		r.badSource(from.Owner.(*client), src)
		return tunnel.BadSource
	}
	if r.cfg.Server.ClientToClient {
		if c := r.table.route(dst); c != nil {
			to.Add(c.Peer)
			return tunnel.Kept
		}
	}
	to.Adapter = true
	return tunnel.Kept
}

// badSource says once per client that it sends from an address it was not
// leased. What every host sends from before it has an address is no news.
func (r role) badSource(c *client, src netip.Addr) {
	if src.IsLinkLocalUnicast() || src.IsUnspecified() || c.warnedSource.Swap(true) {
		return
	}
	r.happened(BadSource{About: c.about(time.Now()), Source: src, IPv4: c.lease.IPv4, IPv6: c.lease.IPv6})
}

// Moved follows a client to another outer address, unless a different client
// is there.
func (r role) Moved(p *tunnel.Peer, path buf.Path) {
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
		r.happened(Moved{About: c.about(now), From: before.Remote})
	default:
		r.happened(MoveRefused{About: c.about(now), To: path.Remote})
	}
}

// moveInterval is the least time between two events of a client's moves. A client
// can move with every packet.
const moveInterval = time.Second

// reportsMove reports whether a move at now is an event.
func (c *client) reportsMove(now time.Time) bool {
	last := c.moveReported.Load()
	return now.UnixNano()-last >= int64(moveInterval) && c.moveReported.CompareAndSwap(last, now.UnixNano())
}

// Control takes a control packet: to its session, or to the greeter if it has
// none. It is a session's only where it comes from the session's address: what
// moves a client is a packet of the data channel, which nobody else can seal.
func (r role) Control(l link.Link, p *buf.Packet) {
	if c, ok := l.(*stream); ok {
		r.streamControl(c, p)
		return
	}
	packet := p.Bytes()
	var header wire.Control
	if _, err := header.ParseHeader(packet); err != nil {
		r.road.Counters.Add(tunnel.Malformed)
		return
	}
	if c := r.table.session(sessionKey{outer{l, p.Path.Remote}, header.Session}); c != nil {
		c.Deliver(packet, func(err error) { r.badControl(c, err) })
		return
	}
	r.greet(l, p)
}

func (r role) badControl(c *client, err error) {
	if errors.Is(err, session.ErrStray) {
		return // late packets of keys that are gone
	}
	r.road.Counters.Add(tunnel.Forged)
	r.log.Debug("control packet dropped", "client", c.Path().Remote, "error", err)
}

// greet answers a packet of no session, and opens one for a client that has
// shown where it is.
func (r role) greet(l link.Link, p *buf.Packet) {
	if r.leaving.Load() {
		r.road.Counters.Add(tunnel.UnknownPeer)
		turnAway(l)
		return
	}
	now := time.Now()
	reply, opening, err := r.firstPacket(now, l, p)
	if err != nil {
		r.refusedGreeting(now, p, err)
		turnAway(l)
		return
	}
	if opening != nil {
		if r.newcomers != nil && !r.newcomers.AllowN(now, 1) {
			r.road.Counters.Add(tunnel.Crowd)
			r.refused.Count(r.postponed)
			turnAway(l)
			return
		}
		r.open(l, p, opening)
		return
	}
	if link.Crowded(l) {
		r.road.Counters.Add(tunnel.Crowd)
		return
	}
	path := p.Path
	p.Set(reply)
	p.Path = path
	r.road.Reply(l, p)
}

// firstPacket is what a packet of no session is: reason for a reply, or the opening
// of a session.
func (r role) firstPacket(now time.Time, l link.Link, p *buf.Packet) (reply []byte, opening *session.Opening, err error) {
	if _, connected := l.(*stream); connected {
		opening, err = r.greeter.GreetConnected(p.Bytes())
		return nil, opening, err
	}
	return r.greeter.Greet(now, p.Path.Remote, p.Bytes())
}

// turnAway closes the connection of a client whose first packet was no good, or
// came at the wrong time: what follows would be no better.
func turnAway(l link.Link) {
	if c, ok := l.(*stream); ok {
		c.Close()
	}
}

// refusedGreeting logs, at a bounded rate, why somebody's first packet was
// dropped. The sender is never told.
func (r role) refusedGreeting(now time.Time, p *buf.Packet, err error) {
	if errors.Is(err, session.ErrTooMany) {
		r.road.Counters.Add(tunnel.Crowd)
		if r.strangers.Allow(now, p.Path.Remote.Addr()) {
			r.happened(Flooded{From: session.Source(p.Path.Remote.Addr()), Err: err})
		}
		return
	}
	r.road.Counters.Add(tunnel.UnknownPeer)
	// Anything but a reset is a late packet of a session that is gone.
	op, _ := wire.ParseHead(p.Bytes()[0])
	if !op.IsHardReset() || !r.strangers.Allow(now, p.Path.Remote.Addr()) {
		return
	}
	r.happened(Stray{From: p.Path.Remote, Err: err, Diagnosis: r.armour.Diagnose(p.Bytes())})
}

// open starts a session for a client and hands it its first packet.
func (r role) open(l link.Link, p *buf.Packet, opening *session.Opening) {
	cfg := r.session
	ctx, end := context.WithCancel(r.logins.ctx)
	if r.showTLS != nil {
		cfg.TLS = r.showTLS(ctx, cfg.TLS, p.Path.Remote)
	}
	cfg.Fragment = profile.Fragment(r.cfg, p.Path.Remote.Addr().Is6())
	st, overTCP := l.(*stream)
	if overTCP {
		cfg = profile.OverTCP(cfg, true)
	}
	now := time.Now()
	s := session.Accept(cfg, opening, now)
	c := &client{number: r.numbers.Add(1) - 1, since: now, own: new(config.PerClient), ctx: ctx, end: end}
	c.Peer = tunnel.NewPeer(s, l, p.Path, r.onEvent)
	c.Owner, c.Observer = c, &r.road.Observer
	if overTCP && !r.admitStream(st, c) || !r.enter(c) {
		r.road.Counters.Add(tunnel.UnknownPeer)
		s.Close()
		end()
		if overTCP {
			st.Close()
		}
		return
	}
	if op, _ := wire.ParseHead(p.Bytes()[0]); op.HasWKc() {
		r.requireKey(c, opening.Metadata)
	}
	c.Deliver(p.Bytes(), func(err error) { r.badControl(c, err) })
}

// enter makes a client known, in place of one that stalls if there are too many.
func (r role) enter(c *client) bool {
	displaced, ok := r.table.open(c, r.maxSessions())
	if displaced != nil {
		displaced.evict()
	}
	return ok
}

// maxSessions leaves room for handshakes beside the clients that are in.
func (s *Server) maxSessions() int { return 2*s.cfg.Server.MaxClients + 64 }
