package p2p

import (
	"errors"
	"time"

	"culvert/internal/buf"
	"culvert/link"
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
			r.log.Warn("packets to the other host's outer address come out of the tunnel's adapter and are dropped: a route sends them into the tunnel; remove it", "host", dst)
		})
		return tunnel.NoRoute
	}
	to.Add(current.Peer)
	return tunnel.Kept
}

// Demultiplex takes data packets from the other host's address, or with
// `float` from any that can seal them.
func (r role) Demultiplex(l link.Link, p *buf.Packet) (*tunnel.Peer, tunnel.Drop) {
	current := r.sides.current.Load()
	if current == nil || current.Link() != l || !r.from(current, p) {
		return nil, tunnel.UnknownPeer
	}
	return current.Peer, tunnel.Kept
}

// from reports whether a packet can be a side's. Which address of this host it
// came to is of no account, once a connection is up.
func (h *Host) from(s *side, p *buf.Packet) bool {
	path := s.Path()
	if !path.Remote.IsValid() {
		return true
	}
	if !h.cfg.Float && p.Path.Remote != path.Remote {
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
	s := r.sides.find(header.Session)
	if s == nil {
		if s = r.sides.waiting(); s != nil && !r.from(s, p) {
			s = nil
		}
	} else if !r.from(s, p) {
		r.road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	if s != nil {
		s.deliver(p.Bytes(), r.badControl)
		return
	}
	if !r.expected(p.Path.Remote) {
		r.road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	if r.greeter != nil {
		r.greet(l, p)
	} else {
		r.answer(l, p)
	}
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
	reply, opening, err := h.greeter.Greet(time.Now(), p.Path.Remote, p.Bytes())
	switch {
	case err != nil:
		h.road.Counters.Add(tunnel.UnknownPeer)
		h.log.Debug("a packet that opens no session was dropped", "from", p.Path.Remote, "error", err)
	case opening != nil:
		h.start(h.newSide(session.Accept(h.sessionWith(p.Path.Remote), opening, time.Now()), l, p.Path), p.Bytes())
	default:
		path := p.Path
		p.Set(reply)
		p.Path = path
		h.road.Reply(l, p)
	}
}

// answerInterval lies between answers to servers that begin. Anybody may have
// sent the reset in another's name, and the answer is many times as long. A
// server that is not answered asks again.
const answerInterval = time.Second

// answer is the TLS client's answer to a server that begins.
func (h *Host) answer(l link.Link, p *buf.Packet) {
	if op, _ := wire.ParseHead(p.Bytes()[0]); op != wire.PControlHardResetServerV2 {
		h.road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	now := time.Now()
	if now.Sub(h.answered) < answerInterval {
		h.road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	s := session.NewP2P(h.sessionWith(p.Path.Remote), now)
	if err := s.Input(now, p.Bytes()); err != nil {
		s.Close()
		h.badControl(err)
		return
	}
	h.answered = now
	h.start(h.newSide(s, l, p.Path), nil)
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
		r.found(p)
		return
	}
	r.log.Info("the other host moved", "from", before, "to", path.Remote)
}
