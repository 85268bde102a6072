package session

import "culvert/session/wire"

// unproven bounds what is sent to where nobody has shown to be: no more bytes
// than came from there, so that no server makes an attack on somebody larger
// (RFC 9000, 8.1, allows three times as many). The zero value is for a peer that
// has shown it.
type unproven struct {
	holds  bool
	credit int // bytes
}

// received counts a packet; answers says that it acknowledges what was sent.
func (u *unproven) received(n int, answers bool) {
	u.credit += n
	u.holds = u.holds && !answers
}

func (u *unproven) sent(n int) { u.credit -= n }

// maySend reports whether a packet may be sent to where the peer is.
func (s *Session) maySend() bool { return !s.unproven.holds || s.unproven.credit >= s.resetLen() }

// resetLen is the length of a reset that acknowledges the peer's.
func (s *Session) resetLen() int {
	reset := wire.Control{Op: wire.PControlHardResetServerV2, Acks: []wire.PacketID{0}}
	return wire.ControlHeaderLen + reset.BodyLen() + s.wrapper.Overhead(reset.Op)
}
