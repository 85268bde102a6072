// Package wrap armours control channel packets: not at all, with tls-auth
// (HMAC), tls-crypt (HMAC and encryption) or tls-crypt-v2 (tls-crypt with a key
// per client, which the client brings along). It has the key files of all three
// and says which armour a packet that failed was made with.
// It knows no sockets and no clock. Formats: the wire protocol draft, "Control
// channel packet format"; tls-crypt-v2.txt.
package wrap

import (
	"errors"
	"fmt"
	"time"

	"culvert/session/wire"
)

// Errors of Unwrap, wrapped with what was wrong.
var (
	ErrAuth   = errors.New("packet authentication failed")
	ErrReplay = errors.New("replayed packet")
)

// Wrapper armours the control packets of one session in both directions. It
// holds the send counter and the receive replay window. Not safe for
// concurrent use.
type Wrapper interface {
	// Overhead is how many bytes Wrap adds to header and body of a packet of
	// this opcode.
	Overhead(op wire.Opcode) int

	// Wrap appends the armoured packet for c to dst. Each call takes the next
	// replay id, so a packet sent again is wrapped again. now dates the replay
	// ids, in seconds; they never run backwards when the clock does.
	Wrap(dst []byte, c *wire.Control, now time.Time) []byte

	// Unwrap verifies packet, decrypts it and parses it into c. Packet is not
	// written to. c.Payload may be a part of packet (None, tls-auth) or fresh
	// memory. On an error, which is ErrAuth, ErrReplay, wire.ErrShort or
	// wire.ErrMalformed, c is not to be used.
	Unwrap(c *wire.Control, packet []byte) error

	// LastID is the replay id of the packet that Unwrap took last; zeros before
	// the first and without armour.
	LastID() (id, time uint32)
}

// Option adjusts a new Wrapper.
type Option func(*replay)

// FirstID sets the replay id of the first packet to be sent. It is 1 otherwise,
// and EarlyNegotiationID for a tls-crypt-v2 client. A server whose stateless
// reply took id 1 goes on at 2.
func FirstID(id uint32) Option {
	return func(r *replay) { r.send.id = id }
}

// EarlyNegotiationID is the first replay id of a client that can resend its
// wrapped key (tls-crypt-v2.txt, "HMAC Cookie support"; stock clients send
// 0x0f000001, one more than the text has).
const EarlyNegotiationID = 0x0f000001

// EarlyNegotiation reports whether the replay id of a client's hard reset says
// that it can resend its wrapped key.
func EarlyNegotiation(id uint32) bool { return id>>24 == EarlyNegotiationID>>24 }

// None is no armour: packets travel in clear and anyone can forge them.
type None struct{}

// Overhead is 0.
func (None) Overhead(wire.Opcode) int { return 0 }

// Wrap appends c in clear.
func (None) Wrap(dst []byte, c *wire.Control, _ time.Time) []byte {
	return c.AppendBody(c.AppendHeader(dst))
}

// Unwrap parses packet. c.Payload is a part of packet.
func (None) Unwrap(c *wire.Control, packet []byte) error {
	body, err := c.ParseHeader(packet)
	if err != nil {
		return err
	}
	return c.ParseBody(body)
}

// LastID is 0, 0: clear packets carry no replay id.
func (None) LastID() (id, time uint32) { return 0, 0 }

// authError says which armour refused which packet.
func authError(armour string, c *wire.Control, packet []byte) error {
	return fmt.Errorf("%s: %w: %v of %d bytes", armour, ErrAuth, c.Op, len(packet))
}
