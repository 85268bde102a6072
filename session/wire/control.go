package wire

import (
	"encoding/binary"
	"fmt"
)

// PacketID numbers the packets of one reliable direction, from 0.
type PacketID uint32

// MaxAcks is how many acknowledgements a packet may carry. Peers take up to 8;
// control packets other than P_ACK_V1 are kept to PiggybackAcks.
const (
	MaxAcks       = 8
	PiggybackAcks = 4
)

// ControlHeaderLen is the opcode byte and the sender's session id, which stay
// in clear and in place under every control channel armour.
const ControlHeaderLen = 1 + 8

// Control is a control channel packet, without its armour (draft, "Control
// channel packet format").
//
//	opcode/key-id 1 | own session id 8 | n 1 | n × acked packet-id 4 |
//	peer session id 8, if n > 0 | packet-id 4, unless P_ACK_V1 | payload
type Control struct {
	Op      Opcode
	Key     KeyID
	Session SessionID // the sender's
	Acks    []PacketID
	Peer    SessionID // the receiver's, present when Acks is not empty
	ID      PacketID  // absent in P_ACK_V1
	Payload []byte
}

// BodyLen is the length of what AppendBody appends.
func (c *Control) BodyLen() int {
	n := 1
	if len(c.Acks) > 0 {
		n += 4*len(c.Acks) + len(c.Peer)
	}
	if c.Op != PAckV1 {
		n += 4
	}
	return n + len(c.Payload)
}

// AppendHeader appends the part that every armour leaves in clear.
func (c *Control) AppendHeader(b []byte) []byte {
	b = append(b, Head(c.Op, c.Key))
	return append(b, c.Session[:]...)
}

// AppendBody appends the part that an armour authenticates and may encrypt.
// It panics when there are more than MaxAcks acknowledgements.
func (c *Control) AppendBody(b []byte) []byte {
	if len(c.Acks) > MaxAcks {
		panic(fmt.Sprintf("wire: %d acknowledgements in a packet", len(c.Acks)))
	}
	b = append(b, byte(len(c.Acks)))
	for _, id := range c.Acks {
		b = binary.BigEndian.AppendUint32(b, uint32(id))
	}
	if len(c.Acks) > 0 {
		b = append(b, c.Peer[:]...)
	}
	if c.Op != PAckV1 {
		b = binary.BigEndian.AppendUint32(b, uint32(c.ID))
	}
	return append(b, c.Payload...)
}

// ParseHeader reads the clear part of a control packet and returns the rest.
// It fails with ErrShort, or with ErrMalformed when the opcode is not of the
// control channel.
func (c *Control) ParseHeader(b []byte) (rest []byte, err error) {
	if len(b) < ControlHeaderLen {
		return nil, fmt.Errorf("control header: %w: %d bytes", ErrShort, len(b))
	}
	c.Op, c.Key = ParseHead(b[0])
	if !c.Op.IsControl() {
		return nil, fmt.Errorf("control header: %w: %v", ErrMalformed, c.Op)
	}
	copy(c.Session[:], b[1:])
	return b[ControlHeaderLen:], nil
}

// ParseBody reads what AppendBody wrote, for the opcode that ParseHeader left
// in c. Payload is a part of b. It fails with ErrShort or ErrMalformed.
func (c *Control) ParseBody(b []byte) error {
	if len(b) < 1 {
		return fmt.Errorf("control body: %w: no acknowledgement count", ErrShort)
	}
	n := int(b[0])
	b = b[1:]
	if n > MaxAcks {
		return fmt.Errorf("control body: %w: %d acknowledgements", ErrMalformed, n)
	}
	c.Acks, c.Peer = c.Acks[:0], SessionID{}
	if n > 0 {
		if len(b) < 4*n+len(c.Peer) {
			return fmt.Errorf("control body: %w: %d acknowledgements", ErrShort, n)
		}
		for range n {
			c.Acks = append(c.Acks, PacketID(binary.BigEndian.Uint32(b)))
			b = b[4:]
		}
		copy(c.Peer[:], b)
		b = b[len(c.Peer):]
	}
	c.ID = 0
	if c.Op != PAckV1 {
		if len(b) < 4 {
			return fmt.Errorf("control body: %w: no packet-id", ErrShort)
		}
		c.ID = PacketID(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	c.Payload = b
	return nil
}
