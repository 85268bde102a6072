package session

import (
	"bytes"
	"time"

	"culvert/internal/buf"
)

// Kind is what a packet of the data channel carries.
type Kind int

// The kinds: an IP packet, or one of the small messages between the daemons.
const (
	KindPacket Kind = iota
	KindPing
	KindExit
	KindOther // a consistency check or MTU test of old peers, or a piece; nothing to do
)

// Daemons talk on the data channel by packets that begin with these bytes and
// could not be IP.
var (
	pingMagic = []byte{0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb, 0x07, 0xed, 0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48}
	occMagic  = []byte{0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c}
)

const occExit = 6

// Seal turns an IP packet into a packet of the data channel, in place. It
// fails with seal.ErrNoKey until the session can send, with seal.ErrExhausted
// when a key was used up, and with framing.ErrTooLarge when p has to go in
// pieces: then p is what Cut wants. Any goroutine may call it.
func (s *Session) Seal(now time.Time, p *buf.Packet) error {
	s.carry(&s.sent, now, p.Len())
	return s.seal(now, p)
}

func (s *Session) seal(now time.Time, p *buf.Packet) error {
	if stage := s.stage.Load(); stage != nil {
		if err := stage.Wrap(p, s.pieceLimit()); err != nil {
			return err
		}
	}
	return s.sealFramed(now, p)
}

func (s *Session) sealFramed(now time.Time, p *buf.Packet) error {
	if err := s.sealData(now, p); err != nil {
		return err
	}
	s.touch(&s.lastSent, now)
	return nil
}

// Open turns a packet of the data channel into what it carries, in place. It
// fails as seal.Ring.Open and framing.Stage.Unwrap do; the session is none the worse for it. Any
// goroutine may call it.
func (s *Session) Open(now time.Time, p *buf.Packet) (Kind, error) {
	if err := s.openData(now, p); err != nil {
		return KindOther, err
	}
	s.touch(&s.lastReceived, now)
	if stage := s.stage.Load(); stage != nil {
		if err := stage.Unwrap(p, int64(now.Sub(s.born))); err != nil {
			s.report.misframed(err)
			p.TrimBack(p.Len())
			return KindOther, err
		}
		if p.Len() == 0 {
			return KindOther, nil
		}
	}
	kind := kindOf(p.Bytes())
	if kind == KindPacket {
		s.carry(&s.received, now, p.Len())
	}
	return kind, nil
}

func kindOf(b []byte) Kind {
	switch {
	case bytes.Equal(b, pingMagic):
		return KindPing
	case bytes.HasPrefix(b, occMagic):
		if len(b) > len(occMagic) && b[len(occMagic)] == occExit {
			return KindExit
		}
		return KindOther
	}
	return KindPacket
}

// probe sends the daemon's own packets on the data channel. The zero value is
// ready.
type probe struct {
	packet *buf.Packet
	wanted bool // a ping at once
}

// Ping has the next Output send a ping, however long ago anything was sent.
func (s *Session) Ping() { s.probe.wanted = true }

// output sends a ping when nothing else was sent for a while, and exit notices.
func (p *probe) output(s *Session, now time.Time, emit func([]byte)) {
	if !s.carries() {
		return
	}
	if l := s.leaving; l != nil && l.notices > 0 && !now.Before(l.at) {
		l.notices--
		l.at = l.at.Add(noticeInterval)
		p.send(s, now, append(bytes.Clone(occMagic), occExit), emit)
	}
	if s.err == nil && (p.wanted || s.cfg.Timers.Ping > 0 && s.since(&s.lastSent, now) >= s.cfg.Timers.Ping) {
		p.wanted = false
		p.send(s, now, pingMagic, emit)
	}
}

func (p *probe) send(s *Session, now time.Time, message []byte, emit func([]byte)) {
	if p.packet == nil {
		p.packet = buf.New(len(occMagic) + 1)
	}
	p.packet.Set(message)
	// Without a key to send with yet, the ping counts as sent all the same,
	// so that the next one is not due at once.
	s.touch(&s.lastSent, now)
	if s.seal(now, p.packet) == nil {
		emit(p.packet.Bytes())
	}
}
