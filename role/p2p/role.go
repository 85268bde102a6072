package p2p

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/role/event"
	"culvert/session"
	"culvert/session/wire"
	"culvert/session/wrap"
	"culvert/tunnel"
)

// role is a host's part in the road: there is one peer, the other host.
type role struct {
	*tunnel.OnePeer
	sessions *sessions
	calls    *caller

	mu       sync.Mutex
	answered time.Time // when a server that began was last
}

// on is the peer that data packets on a link are from: those on a connection are
// its session's.
func (s *sessions) on(l link.Link) *tunnel.Peer {
	c, ok := l.(*connection)
	if !ok {
		return s.current()
	}
	if one := c.side.Load(); one != nil {
		return one.Peer
	}
	return nil
}

// Control takes a control packet: to its session, or to the one that may be waiting
// for it, or to begin one.
func (r *role) Control(l link.Link, p *buf.Packet) {
	var header wire.Control
	if _, err := header.ParseHeader(p.Bytes()); err != nil {
		r.Road.Counters.Add(tunnel.Malformed)
		return
	}
	s, known := r.sideOf(l, header.Session, p)
	switch {
	case s != nil && known:
		r.deliver(s, p, r.refusal(s, p))
	case s != nil:
		r.deliver(s, p, r.otherwise(l, header.Session, p, r.refusal(s, p)))
	case known:
		r.Road.Counters.Add(tunnel.UnknownPeer)
	default:
		r.begin(l, p)
	}
}

// deliver hands a packet to a side.
func (r *role) deliver(s *side, p *buf.Packet, refused func(error)) {
	path := p.Path
	if s.own() != nil {
		path = s.Path() // nobody else can send on its connection
	}
	if !s.deliver(path, r.Float, p.Bytes(), refused) {
		r.Road.Counters.Add(tunnel.UnknownPeer)
	}
}

// otherwise returns what becomes of the error for a packet that a side was offered
// because it may be waiting for it: another session's goes there, or begins it.
func (r *role) otherwise(l link.Link, id wire.SessionID, p *buf.Packet, refused func(error)) func(error) {
	packet := buf.New(max(p.Len(), buf.DefaultSize)) // has room for an answer
	packet.Set(p.Bytes())
	packet.Path = p.Path
	return func(err error) {
		if !errors.Is(err, session.ErrStray) {
			refused(err)
			return
		}
		if s := r.sessions.sides.find(id, packet.Path.Remote); s != nil {
			r.deliver(s, packet, r.refusal(s, packet))
			return
		}
		r.begin(l, packet)
	}
}

// begin takes a packet that is for no session there is.
func (r *role) begin(l link.Link, p *buf.Packet) {
	switch {
	case !r.calls.expected(l, p.Path.Remote) || r.sessions.taken():
		r.Road.Counters.Add(tunnel.UnknownPeer)
	case r.sessions.greeter != nil:
		r.greet(l, p)
	default:
		r.answer(l, p)
	}
}

// sideOf finds the side that a control packet is for, or may be for, nil if there is
// none. known says that the packet is for no other, and can begin none.
func (r *role) sideOf(l link.Link, id wire.SessionID, p *buf.Packet) (s *side, known bool) {
	if c, ok := l.(*connection); ok {
		s = c.side.Load()
		return s, s != nil
	}
	if s = r.sessions.sides.find(id, p.Path.Remote); s != nil {
		known = true
	} else {
		s = r.sessions.sides.unsettled()
	}
	if s != nil && !r.From(s.Peer, l, p) {
		s = nil
	}
	return s, known
}

// greet is the TLS server's answer to a client that begins: nothing is kept
// before it has shown where it is.
func (r *role) greet(l link.Link, p *buf.Packet) {
	c, own := l.(*connection)
	reply, opening, err := r.sessions.greeter.Greet(time.Now(), p.Path.Remote, p.Bytes())
	switch {
	case err != nil:
		r.unwelcome(p, err)
		if own {
			c.Close() // what follows would be no better
		}
	case opening != nil:
		to := r.sessions
		cfg := to.Main.For(to.ctx, p.Path.Remote, overTCP(l))
		to.start(to.newSide(session.Accept(cfg, opening, time.Now()), l, to.Main, p.Path, p.Path.Remote), p.Bytes())
	default:
		path := p.Path
		p.Set(reply)
		p.Path = path
		r.Road.Reply(l, p)
	}
}

// unwelcome logs, at a bounded rate, why somebody's first packet was dropped.
// The sender is never told.
func (r *role) unwelcome(p *buf.Packet, err error) {
	r.Road.Counters.Add(tunnel.UnknownPeer)
	op, _ := wire.ParseHead(p.Bytes()[0])
	if !op.IsHardReset() || !r.sessions.strangers.Allow(time.Now(), p.Path.Remote.Addr()) {
		return
	}
	r.sessions.emit(event.Stranger{From: p.Path.Remote, Text: "a packet that opens no session was dropped", Err: r.sessions.diagnosed(p.Bytes(), err)})
}

// refusal returns what becomes of the error for a packet of a side: one that the armour
// refuses, before any fitted, is reported at a bounded rate.
func (r *role) refusal(s *side, p *buf.Packet) func(error) {
	op, _ := wire.ParseHead(p.Bytes()[0])
	if r.sessions.greeter == nil || s.Data.LastReceived().After(s.began) || !op.IsHardReset() {
		return r.Refused
	}
	packet, from := bytes.Clone(p.Bytes()), p.Path.Remote
	return func(err error) {
		r.Refused(err)
		if errors.Is(err, wrap.ErrAuth) && r.sessions.strangers.Allow(time.Now(), from.Addr()) {
			r.sessions.emit(event.Stranger{From: from, Text: "a packet of the other host was dropped", Err: r.sessions.diagnosed(packet, err)})
		}
	}
}

// diagnosed adds to the error for a first packet what its sender may have configured
// differently.
func (k *keys) diagnosed(packet []byte, err error) error {
	return fmt.Errorf("%w: %s", err, k.armour.Diagnose(packet))
}

// answerInterval lies between answers to servers that begin. Anybody may have
// sent the reset in another's name, and the answer is many times as long. A
// server that is not answered asks again.
const answerInterval = time.Second

// answer is the TLS client's answer to a server that begins.
func (r *role) answer(l link.Link, p *buf.Packet) {
	if op, _ := wire.ParseHead(p.Bytes()[0]); op != wire.PControlHardResetServerV2 || l != r.calls.sockets.datagrams {
		r.Road.Counters.Add(tunnel.UnknownPeer)
		return
	}
	if s := r.newAnswer(time.Now(), p); s != nil {
		to := r.sessions
		to.start(to.newSide(s, l, to.Main, p.Path, p.Path.Remote), nil)
	}
}

// newAnswer is the session that answers a server's reset, nil where it is not answered.
func (r *role) newAnswer(now time.Time, p *buf.Packet) *session.Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.answered) < answerInterval {
		r.Road.Counters.Add(tunnel.UnknownPeer)
		return nil
	}
	s := session.NewP2P(r.sessions.Main.For(r.sessions.ctx, p.Path.Remote, false), now)
	if err := s.Input(now, p.Bytes()); err != nil {
		s.Close()
		r.Refused(err)
		return nil
	}
	r.answered = now
	return s
}

// moved follows the other host to another address (`float`), or to the first one.
func (s *sessions) moved(p *tunnel.Peer, before netip.AddrPort) {
	if !before.IsValid() {
		s.found(p.Owner.(*side))
		return
	}
	s.emit(event.Moved{From: before, To: p.Path().Remote})
	s.notify()
}
