package session

import (
	"encoding/binary"
	"fmt"
	"time"

	"culvert/session/reliable"
	"culvert/session/wire"
)

// Input takes a control packet from the link. A packet that is damaged, not
// authentic or of another session is counted, reported and otherwise ignored;
// an error never ends the session.
func (s *Session) Input(now time.Time, packet []byte) error {
	if s.err != nil {
		return s.err
	}
	c := &s.control
	if err := s.wrapper.Unwrap(c, packet); err != nil {
		s.stats.BadControl++
		return err
	}
	g, err := s.generationFor(now, c)
	if err != nil {
		s.stats.Strays++
		return err
	}
	s.data.noteReceived(now)
	s.unproven.received(len(packet), len(c.Acks) > 0)
	if !g.heard && g.id == 0 {
		s.emit(Answered{})
	}
	g.heard = true
	g.ch.Acknowledge(now, c.Acks)
	if c.Op != wire.PAckV1 {
		g.ch.Receive(c.Op, c.ID, c.Payload)
	}
	s.process(now, g)
	return nil
}

// generationFor finds whose packet it is: sessions ids must fit, and the key
// id name a generation, or a new one by soft reset.
func (s *Session) generationFor(now time.Time, c *wire.Control) (*generation, error) {
	if !s.isPeers(now, c) {
		return nil, fmt.Errorf("%w: %v from %v", ErrStray, c.Op, c.Session)
	}
	for _, g := range []*generation{s.next, s.active, s.old} {
		if g != nil && g.id == c.Key && g.ch != nil {
			return g, nil
		}
	}
	if c.Op == wire.PControlSoftResetV1 && s.active != nil && s.next == nil && c.Key == s.active.id.Next() {
		if now.Sub(s.active.installed) < minKeyAge || now.Sub(s.softened) < minKeyAge {
			return nil, fmt.Errorf("%w: %v for key %d less than %v after the last", ErrStray, c.Op, c.Key, minKeyAge)
		}
		s.softReset(now)
		return s.next, nil
	}
	return nil, fmt.Errorf("%w: %v for key %d", ErrStray, c.Op, c.Key)
}

// isPeers reports whether a packet's session ids are the peer's and this side's.
// Where this side began, the peer names its own with its reset. One that
// acknowledges nothing may be left over from a session before: the first that
// does acknowledge this side's reset takes its place.
func (s *Session) isPeers(now time.Time, c *wire.Control) bool {
	acknowledges := len(c.Acks) > 0
	if acknowledges && c.Peer != s.local {
		return false
	}
	if s.seeksPeer() && c.Op == s.peerReset() && s.next != nil && s.active == nil {
		switch {
		case s.remote.IsZero():
			s.remote = c.Session
		case !s.confirmed && acknowledges && c.Session != s.remote:
			s.remote = c.Session
			s.next.ch.Resend(now)
		}
	}
	if c.Session != s.remote {
		return false
	}
	s.confirmed = s.confirmed || acknowledges
	return true
}

// minKeyAge is how soon a peer may have keys renewed again, since every time
// costs this side a TLS handshake and perhaps a login. One that comes earlier
// asks again by retransmission.
const minKeyAge = time.Second

// softReset opens the next generation, whichever side began.
func (s *Session) softReset(now time.Time) {
	s.softened = now
	s.next = newGeneration(s.active.id.Next(), reliable.New(0, s.cfg.TLSTimeout), now, s.cfg.HandWindow)
	s.next.ch.Follow(s.active.ch)
	s.next.ch.Send(wire.PControlSoftResetV1, nil)
}

// process takes what has arrived in order and carries the handshake on.
func (s *Session) process(now time.Time, g *generation) {
	for {
		op, payload, ok := g.ch.Next()
		if !ok {
			break
		}
		switch op {
		case wire.PControlHardResetServerV2:
			s.resendWKc = resetWantsWKc(payload)
			fallthrough
		case wire.PControlSoftResetV1, wire.PControlHardResetClientV2, wire.PControlHardResetClientV3:
			s.startTLS(g)
		case wire.PControlV1, wire.PControlWKcV1:
			if g.renews() {
				s.startTLS(g)
			}
			if g.tls != nil {
				g.tls.Feed(payload)
			}
		}
	}
	if g.renews() && g.ch.Idle() {
		s.startTLS(g)
	}
	s.step(now, g)
}

// startTLS begins a generation's TLS when the peer has taken the generation up.
// To a soft reset OpenVPN answers with one of its own, but OpenVPN 3 with an
// acknowledgement, behind which a TLS client's ClientHello comes at once: so
// either of these begins it, too.
func (s *Session) startTLS(g *generation) {
	if g.phase == phaseReset {
		g.startTLS(s.cfg.TLS, s.cfg.Server)
	}
}

// Types in a server's reset payload (draft, "Setting up connection with cookie
// support").
const (
	tlvFlags      = 1
	flagResendWKc = 1
)

// resetWantsWKc reads the type-length-value list in a server's reset.
func resetWantsWKc(payload []byte) bool {
	for len(payload) >= 4 {
		kind, length := binary.BigEndian.Uint16(payload), int(binary.BigEndian.Uint16(payload[2:]))
		payload = payload[4:]
		if length > len(payload) {
			return false
		}
		if kind == tlvFlags && length == 2 {
			return binary.BigEndian.Uint16(payload)&flagResendWKc != 0
		}
		payload = payload[length:]
	}
	return false
}

// Output hands every packet that is to be sent at now to emit, which must not
// keep it.
func (s *Session) Output(now time.Time, emit func(packet []byte)) {
	var scratch [wire.ControlHeaderLen + 1500]byte
	for _, g := range []*generation{s.next, s.active, s.old} {
		if g == nil || g.ch == nil {
			continue
		}
		for more := true; more && s.maySend(); {
			s.fill(g)
			var p reliable.Packet
			if p, more = g.ch.Poll(now); more {
				s.send(now, g, p, scratch[:0], emit)
			}
		}
	}
	s.outputData(now, emit)
}

// outputData sends exit notices, and a ping where one is due.
func (s *Session) outputData(now time.Time, emit func([]byte)) {
	if !s.carries() {
		return
	}
	if l := s.leaving; l != nil && l.notices > 0 && !now.Before(l.at) {
		l.notices--
		l.at = l.at.Add(noticeInterval)
		s.probe.exit(now, emit)
	}
	if s.err == nil && s.probe.due(now, s.cfg.Timers.Ping) {
		s.probe.ping(now, emit)
	}
}

// Ping has the next Output send a ping, however long ago anything was sent.
func (s *Session) Ping() { s.probe.wanted = true }

// fill moves TLS output into the reliable channel while that has room.
func (s *Session) fill(g *generation) {
	if g.tls == nil {
		return
	}
	for !g.tls.out.empty() && g.ch.Room() > 0 {
		op := wire.PControlV1
		if s.resendWKc {
			op, s.resendWKc = wire.PControlWKcV1, false
		}
		g.ch.Send(op, g.tls.out.next(s.maxPayload(op)))
	}
}

// maxPayload is what fits a control packet beside its headers.
func (s *Session) maxPayload(op wire.Opcode) int {
	const body = 1 + 4*wire.PiggybackAcks + len(wire.SessionID{}) + 4
	return max(s.cfg.MaxPacket-wire.ControlHeaderLen-body-s.wrapper.Overhead(op), 64)
}

func (s *Session) send(now time.Time, g *generation, p reliable.Packet, scratch []byte, emit func([]byte)) {
	s.data.noteSent(now)
	packet := s.wrapper.Wrap(scratch, &wire.Control{
		Op: p.Op, Key: g.id, Session: s.local,
		Acks: p.Acks, Peer: s.remote, ID: p.ID, Payload: p.Payload,
	}, now)
	s.unproven.sent(len(packet))
	emit(packet)
}
