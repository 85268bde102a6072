package seal

import (
	"crypto/cipher"
	"encoding/binary"

	"culvert/internal/buf"
	"culvert/session/wire"
)

// format is a layout of data packets with the keys of both directions and the
// replay window. Its methods work in place, do not allocate and may be called
// concurrently.
type format interface {
	// seal makes the plaintext p a whole packet with the given head and id. It
	// fails with ErrExhausted, and p is then of no use.
	seal(p *buf.Packet, h *header, id uint64) error
	// open makes the packet p, whose head is headLen bytes, plaintext. It looks
	// at the packet-id as early as the layout allows. It fails with ErrShort,
	// ErrAuth or ErrReplay; p is then of no use.
	open(p *buf.Packet, headLen int, now int64) error
	// overhead is how many bytes a packet has beside head and plaintext, when
	// the plaintext fills it to multiples of block bytes.
	overhead() (fixed, block int)
	// reorder is how far packets were out of order.
	reorder() reorder
}

// header is what a sent packet has before its packet-id.
type header struct {
	bytes [wire.DataHeaderV2]byte
	len   int
}

func newHeader(v2 bool, key wire.KeyID, peer wire.PeerID) header {
	h := header{len: wire.DataHeaderV1}
	h.bytes[0] = wire.Head(wire.PDataV1, key)
	if v2 {
		h.len = wire.DataHeaderV2
		wire.PutDataV2(h.bytes[:], key, peer)
	}
	return h
}

// headLen is the length of a data packet's head; 0 for other packets.
func headLen(op wire.Opcode) int {
	switch op {
	case wire.PDataV1:
		return wire.DataHeaderV1
	case wire.PDataV2:
		return wire.DataHeaderV2
	}
	return 0
}

const (
	idLen  = 4
	tagLen = 16
	ivLen  = 8 // the implicit part of the nonce
)

// aeadFormat is the AEAD layout with the tag in front (draft, "AEAD data
// channel format"):
//
//	head 1 or 4 | packet-id 4 | tag 16 | ciphertext
//
// The nonce is packet-id 4 | implicit IV 8. What is authenticated beside the
// ciphertext is head and packet-id in P_DATA_V2, the packet-id in P_DATA_V1.
type aeadFormat struct {
	send, recv aeadKey
	guard
}

type aeadKey struct {
	aead cipher.AEAD
	iv   [ivLen]byte
}

func newAEADFormat(c *GenerationConfig) (f *aeadFormat, err error) {
	sendKeys, recvKeys := c.Material.split(c.Server)
	f = &aeadFormat{guard: guard{w: c.window()}}
	if f.send, err = newAEADKey(c.Cipher, sendKeys); err != nil {
		return nil, err
	}
	f.recv, err = newAEADKey(c.Cipher, recvKeys)
	return f, err
}

func (f *aeadFormat) overhead() (fixed, block int) { return idLen + tagLen, 1 }

func newAEADKey(c Cipher, d directionKeys) (k aeadKey, err error) {
	spec := ciphers[c]
	k.aead, err = spec.aead(d.cipher[:spec.keyLen])
	copy(k.iv[:], d.auth)
	return k, err
}

func (f *aeadFormat) seal(p *buf.Packet, h *header, id64 uint64) error {
	id := uint32(id64)
	textLen := p.Len()
	front := p.Prepend(h.len + idLen + tagLen)
	copy(front, h.bytes[:h.len])
	binary.BigEndian.PutUint32(front[h.len:], id)
	ad, tag := split(front, h.len)
	p.Append(tagLen)

	text := p.Bytes()[len(front):]
	f.send.aead.Seal(text[:0], f.send.nonce(tag, id), text[:textLen], ad)
	copy(tag, text[textLen:])
	p.TrimBack(tagLen)
	return nil
}

func (f *aeadFormat) open(p *buf.Packet, headLen int, now int64) error {
	frontLen := headLen + idLen + tagLen
	if p.Len() < frontLen {
		return ErrShort
	}
	front := p.Bytes()[:frontLen]
	id := binary.BigEndian.Uint32(front[headLen:])
	if err := f.check(uint64(id), now); err != nil {
		return err
	}
	ad, tag := split(front, headLen)
	copy(p.Append(tagLen), tag)

	text := p.Bytes()[frontLen:]
	if _, err := f.recv.aead.Open(text[:0], f.recv.nonce(tag, id), text, ad); err != nil {
		return ErrAuth
	}
	p.TrimFront(frontLen)
	p.TrimBack(tagLen)
	return f.accept(uint64(id), now)
}

// split returns the authenticated part of the bytes before the ciphertext, and
// the tag.
func split(front []byte, headLen int) (ad, tag []byte) {
	ad, tag = front[:headLen+idLen], front[headLen+idLen:]
	if headLen == wire.DataHeaderV1 {
		ad = ad[headLen:]
	}
	return ad, tag
}

// nonce writes the nonce over b, the place of the tag while the tag is behind
// the ciphertext: memory of its own would have to be allocated.
func (k *aeadKey) nonce(b []byte, id uint32) []byte {
	binary.BigEndian.PutUint32(b, id)
	copy(b[idLen:], k.iv[:])
	return b[:idLen+ivLen]
}
