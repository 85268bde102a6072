package session

import (
	"encoding/binary"
	"time"

	"culvert/session/reliable"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// port is where control packets come in and go out: the armour, the session ids
// of both ends, and how much may be sent.
type port struct {
	wrapper   wrap.Wrapper
	maxPacket int // bytes
	// names is the reset by which the peer names its session id; 0: it is
	// known from the start.
	names wire.Opcode

	local, remote wire.SessionID // remote is zero until it is known
	confirmed     bool           // the peer has acknowledged something of this session
	unproven      unproven
	resendWKc     bool         // the server asked for the wrapped key again
	scratch       wire.Control // of unwrap
}

// unwrap takes the armour off a packet. The result is good until the next call.
func (p *port) unwrap(packet []byte) (*wire.Control, error) {
	return &p.scratch, p.wrapper.Unwrap(&p.scratch, packet)
}

// isPeers reports whether a packet's session ids are the peer's and this side's.
// Where this side began, the peer names its own by its reset, in the first
// handshake (greeting). A reset that acknowledges nothing may be left over from
// a session before: the first that does acknowledge this side's takes its place,
// and renamed is true.
func (p *port) isPeers(c *wire.Control, greeting bool) (is, renamed bool) {
	acknowledges := len(c.Acks) > 0
	if acknowledges && c.Peer != p.local {
		return false, false
	}
	if greeting && c.Op == p.names {
		switch {
		case p.remote.IsZero():
			p.remote = c.Session
		case !p.confirmed && acknowledges && c.Session != p.remote:
			p.remote, renamed = c.Session, true
		}
	}
	if c.Session != p.remote {
		return false, false
	}
	p.confirmed = p.confirmed || acknowledges
	return true, renamed
}

// opcode is the one of the next packet with TLS in it.
func (p *port) opcode() wire.Opcode {
	if p.resendWKc {
		p.resendWKc = false
		return wire.PControlWKcV1
	}
	return wire.PControlV1
}

// maxPayload is how many bytes a control packet has room for beside its headers.
func (p *port) maxPayload(op wire.Opcode) int {
	const body = 1 + 4*wire.PiggybackAcks + len(wire.SessionID{}) + 4
	return max(p.maxPacket-wire.ControlHeaderLen-body-p.wrapper.Overhead(op), 64)
}

// wrap appends a packet to b, armoured.
func (p *port) wrap(now time.Time, b []byte, key wire.KeyID, packet reliable.Packet) []byte {
	n := len(b)
	b = p.wrapper.Wrap(b, &wire.Control{
		Op: packet.Op, Key: key, Session: p.local,
		Acks: packet.Acks, Peer: p.remote, ID: packet.ID, Payload: packet.Payload,
	}, now)
	p.unproven.sent(len(b) - n)
	return b
}

// maySend reports whether a packet may be sent to where the peer is.
func (p *port) maySend() bool { return !p.unproven.holds || p.unproven.credit >= p.resetLen() }

// resetLen is the length of a reset that acknowledges the peer's.
func (p *port) resetLen() int {
	reset := wire.Control{Op: wire.PControlHardResetServerV2, Acks: []wire.PacketID{0}}
	return wire.ControlHeaderLen + reset.BodyLen() + p.wrapper.Overhead(reset.Op)
}

// unproven bounds what is sent to an address that nobody has shown to be at: no
// more bytes than came from there, so that no server makes an attack on somebody
// larger (RFC 9000, 8.1, allows three times as many). The zero value is for a
// peer that has shown it.
type unproven struct {
	holds  bool
	credit int    // bytes
	lifted func() // is called when the peer has shown it; may be nil
}

// received counts a packet; answers says that it acknowledges what was sent.
func (u *unproven) received(n int, answers bool) {
	u.credit += n
	if !u.holds || !answers {
		return
	}
	u.holds = false
	if u.lifted != nil {
		u.lifted()
		u.lifted = nil
	}
}

func (u *unproven) sent(n int) { u.credit -= n }

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
