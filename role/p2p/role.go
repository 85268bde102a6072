package p2p

import (
	"net/netip"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// role is a host's part in the road: there is one peer, the other host.
type role struct {
	*tunnel.OnePeer
	host *Host
}

// onePeer is what the host has of the road in common with other roles.
func (h *Host) onePeer() *tunnel.OnePeer {
	return &tunnel.OnePeer{
		Road: &h.road, Float: h.cfg.Link.Float,
		Current: h.Peer, On: h.on,
		Isolated: func() bool { return h.adapter.Stack != nil },
		OnLoop:   func(to netip.Addr) { h.emit(event.Looped{Addr: to}) },
		OnMoved:  h.moved,
		OnForged: func(err error) { h.log.Debug("control packet dropped", "error", err) },
	}
}

// on is the peer that data packets on a link are from: those on a connection are
// its session's.
func (h *Host) on(l link.Link) *tunnel.Peer {
	c, ok := l.(*connection)
	if !ok {
		return h.Peer()
	}
	if s := c.side.Load(); s != nil {
		return s.Peer
	}
	return nil
}

// Control takes a control packet: to its session, or to the one that waits for
// an answer, or to begin one.
func (r role) Control(l link.Link, p *buf.Packet) {
	var header wire.Control
	if _, err := header.ParseHeader(p.Bytes()); err != nil {
		r.Road.Counters.Add(tunnel.Malformed)
		return
	}
	s, known := r.host.sideOf(l, header.Session, p)
	switch {
	case s != nil:
		path := p.Path
		if s.own() != nil {
			path = s.Path() // nobody else can send on its connection
		}
		if !s.deliver(path, r.Float, p.Bytes(), r.Refused) {
			r.Road.Counters.Add(tunnel.UnknownPeer)
		}
	case known || !r.host.expected(l, p.Path.Remote):
		r.Road.Counters.Add(tunnel.UnknownPeer)
	case r.host.greeter != nil:
		r.host.greet(l, p)
	default:
		r.host.answer(l, p)
	}
}

// sideOf finds the side that a control packet is for, nil if there is none.
// known says that a packet of this session id can begin none.
func (h *Host) sideOf(l link.Link, id wire.SessionID, p *buf.Packet) (s *side, known bool) {
	if c, ok := l.(*connection); ok {
		s = c.side.Load()
		return s, s != nil
	}
	if s = h.sides.find(id, p.Path.Remote); s != nil {
		known = true
	} else {
		s = h.sides.waiting()
	}
	if s != nil && !h.one.From(s.Peer, l, p) {
		s = nil
	}
	return s, known
}

// greet is the TLS server's answer to a client that begins: nothing is kept
// before it has shown where it is.
func (h *Host) greet(l link.Link, p *buf.Packet) {
	c, own := l.(*connection)
	reply, opening, err := h.greeter.Greet(time.Now(), p.Path.Remote, p.Bytes())
	switch {
	case err != nil:
		h.unwelcome(p, err)
		if own {
			c.Close() // what follows would be no better
		}
	case opening != nil:
		cfg := h.main.with(h.ctx, p.Path.Remote, own && c.tcp, h.showTLS)
		h.start(h.newSide(session.Accept(cfg, opening, time.Now()), l, h.main, p.Path, p.Path.Remote), p.Bytes())
	default:
		path := p.Path
		p.Set(reply)
		p.Path = path
		h.road.Reply(l, p)
	}
}

// unwelcome logs, at a bounded rate, why somebody's first packet was dropped.
// The sender is never told.
func (h *Host) unwelcome(p *buf.Packet, err error) {
	h.road.Counters.Add(tunnel.UnknownPeer)
	op, _ := wire.ParseHead(p.Bytes()[0])
	if !op.IsHardReset() || !h.strangers.Allow(time.Now(), p.Path.Remote.Addr()) {
		return
	}
	h.emit(event.Stranger{From: p.Path.Remote, Text: "a packet that opens no session was dropped", Err: err})
}

// answerInterval lies between answers to servers that begin. Anybody may have
// sent the reset in another's name, and the answer is many times as long. A
// server that is not answered asks again.
const answerInterval = time.Second

// answer is the TLS client's answer to a server that begins.
func (h *Host) answer(l link.Link, p *buf.Packet) {
	if op, _ := wire.ParseHead(p.Bytes()[0]); op != wire.PControlHardResetServerV2 || l != h.link {
		h.road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	now := time.Now()
	if now.Sub(h.answered) < answerInterval {
		h.road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	s := session.NewP2P(h.main.with(h.ctx, p.Path.Remote, false, h.showTLS), now)
	if err := s.Input(now, p.Bytes()); err != nil {
		s.Close()
		h.one.Refused(err)
		return
	}
	h.answered = now
	h.start(h.newSide(s, l, h.main, p.Path, p.Path.Remote), nil)
}

// moved follows the other host to another address (`float`), or to the first one.
func (h *Host) moved(p *tunnel.Peer, before netip.AddrPort) {
	if !before.IsValid() {
		h.found(p.Owner.(*side))
		return
	}
	h.emit(event.Moved{From: before, To: p.Path().Remote})
}
