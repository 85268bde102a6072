package wrap

import (
	"crypto/hmac"
	"fmt"
	"hash"
	"time"

	"culvert/internal/digest"
	"culvert/session/wire"
)

// tlsAuth puts an HMAC on packets:
//
//	opcode/key-id 1 | session id 8 | HMAC | replay id 8 | body
//
// The HMAC is over replay id | opcode/key-id | session id | body (draft,
// "tlsauth_control").
type tlsAuth struct {
	replay
	send, recv hash.Hash
}

// NewTLSAuth armours with an HMAC by the HMAC halves of key, cut to the
// digest's length. The peer must have the same key and digest, and dir.Peer().
func NewTLSAuth(key *StaticKey, dir Direction, d digest.Digest, opts ...Option) Wrapper {
	return &tlsAuth{
		replay: newReplay(1, opts),
		send:   newAuthHash(key, dir.send(), d),
		recv:   newAuthHash(key, dir.receive(), d),
	}
}

func newAuthHash(key *StaticKey, half int, d digest.Digest) hash.Hash {
	return hmac.New(d.New, key.hmac(half)[:d.Size()])
}

// Overhead implements Wrapper.
func (w *tlsAuth) Overhead(wire.Opcode) int { return w.send.Size() + replayLen }

// Wrap implements Wrapper.
func (w *tlsAuth) Wrap(dst []byte, c *wire.Control, now time.Time) []byte {
	head := len(dst)
	dst = c.AppendHeader(dst)
	dst = append(dst, make([]byte, w.send.Size())...)
	dst = w.replay.send.append(dst, now)
	dst = c.AppendBody(dst)
	p := splitAuth(dst[head:], w.send.Size())
	copy(p.tag, p.sum(w.send))
	return dst
}

// Unwrap implements Wrapper. c.Payload is a part of packet.
func (w *tlsAuth) Unwrap(c *wire.Control, packet []byte) error {
	if _, err := c.ParseHeader(packet); err != nil {
		return err
	}
	if need := wire.ControlHeaderLen + w.Overhead(c.Op); len(packet) < need {
		return fmt.Errorf("tls-auth: %w: %d bytes, need %d", wire.ErrShort, len(packet), need)
	}
	p := splitAuth(packet, w.recv.Size())
	if !hmac.Equal(p.tag, p.sum(w.recv)) {
		return authError("tls-auth", c, packet)
	}
	if err := w.accept(parseReplay(p.replay)); err != nil {
		return fmt.Errorf("tls-auth: %w", err)
	}
	return c.ParseBody(p.body)
}

// authPacket is the parts of a tls-auth packet, in wire order.
type authPacket struct{ header, tag, replay, body []byte }

// splitAuth needs a packet of at least header, tag and replay id.
func splitAuth(packet []byte, tagLen int) authPacket {
	header, rest := packet[:wire.ControlHeaderLen], packet[wire.ControlHeaderLen:]
	return authPacket{header, rest[:tagLen], rest[tagLen:][:replayLen], rest[tagLen+replayLen:]}
}

func (p *authPacket) sum(h hash.Hash) []byte {
	h.Reset()
	h.Write(p.replay)
	h.Write(p.header)
	h.Write(p.body)
	return h.Sum(nil)
}
