package p2p

import (
	"errors"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/session"
	"culvert/session/wire"
	"culvert/tunnel"
)

// role is a host's part in the road: there is one peer, the other host.
type role struct{ *Host }

// Route sends every packet to the other host, but for those to its outer
// address, which would go round in circles.
func (r role) Route(_ time.Time, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	_, dst, ok := r.road.Addresses(p.Bytes())
	if !ok {
		return tunnel.Malformed
	}
	current := r.sides.current.Load()
	if current == nil {
		return tunnel.NoKey
	}
	if !current.Path().Remote.IsValid() {
		return tunnel.NoKey
	}
	if dst == current.Path().Remote.Addr() {
		r.once.Do(func() {
			r.emit(event.Looped{Addr: dst})
		})
		return tunnel.NoRoute
	}
	to.Add(current.Peer)
	return tunnel.Kept
}

// Demultiplex takes data packets from the other host's address, or with
// `float` from any that can seal them; those on a connection are its session's.
func (r role) Demultiplex(l link.Link, p *buf.Packet) (*tunnel.Peer, tunnel.Drop) {
	s := r.sides.current.Load()
	if c, ok := l.(*connection); ok {
		s = c.side.Load()
	}
	if s == nil || !r.from(s, l, p) {
		return nil, tunnel.UnknownPeer
	}
	return s.Peer, tunnel.Kept
}

// from reports whether a packet can be a side's. Which address of this host it
// came to is of no account, once a connection is up.
func (h *Host) from(s *side, l link.Link, p *buf.Packet) bool {
	path := s.Path()
	switch {
	case s.Link() != l:
		return false
	case !path.Remote.IsValid():
		return true
	case !h.cfg.Link.Float && p.Path.Remote != path.Remote:
		return false
	}
	p.Path.Local = path.Local
	return true
}

// Control takes a control packet: to its session, or to the one that waits for
// an answer, or to begin one.
func (r role) Control(l link.Link, p *buf.Packet) {
	var header wire.Control
	if _, err := header.ParseHeader(p.Bytes()); err != nil {
		r.road.Counters.Add(tunnel.Malformed)
		return
	}
	s, known := r.sideOf(l, header.Session, p)
	switch {
	case s != nil:
		path := p.Path
		if s.own() != nil {
			path = s.Path() // nobody else can send on its connection
		}
		if !s.deliver(path, r.cfg.Link.Float, p.Bytes(), r.badControl) {
			r.road.Counters.Add(tunnel.UnknownPeer)
		}
	case known || !r.expected(l, p.Path.Remote):
		r.road.Counters.Add(tunnel.UnknownPeer)
	case r.greeter != nil:
		r.greet(l, p)
	default:
		r.answer(l, p)
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
	if s != nil && !h.from(s, l, p) {
		s = nil
	}
	return s, known
}

func (h *Host) badControl(err error) {
	if !errors.Is(err, session.ErrStray) {
		h.road.Counters.Add(tunnel.Forged)
		h.log.Debug("control packet dropped", "error", err)
	}
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
		h.badControl(err)
		return
	}
	h.answered = now
	h.start(h.newSide(s, l, h.main, p.Path, p.Path.Remote), nil)
}

// Admit takes every packet the other host sends.
func (r role) Admit(_ time.Time, _ *tunnel.Peer, p *buf.Packet, to *tunnel.Receivers) tunnel.Drop {
	if _, _, ok := r.road.Addresses(p.Bytes()); !ok {
		return tunnel.Malformed
	}
	to.Adapter = true
	return tunnel.Kept
}

// Moved follows the other host to another address (`float`).
func (r role) Moved(p *tunnel.Peer, path buf.Path) {
	before := p.Path().Remote
	p.SetPath(path)
	if !before.IsValid() {
		r.found(p.Owner.(*side))
		return
	}
	r.emit(event.Moved{From: before, To: path.Remote})
}
