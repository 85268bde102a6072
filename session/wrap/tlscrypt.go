package wrap

import (
	"fmt"
	"time"

	"culvert/session/wire"
)

// tlsCrypt encrypts the body of packets:
//
//	opcode/key-id 1 | session id 8 | replay id 8 | tag 32 | encrypted body
//
// The tag is over all before it and the clear body (draft,
// "tlscrypt_control").
type tlsCrypt struct {
	replay
	send, recv siv
}

// NewTLSCrypt armours with encryption by key. The server sends with its first
// half, clients with the second.
func NewTLSCrypt(key *StaticKey, server bool, opts ...Option) Wrapper {
	return newTLSCrypt(key, server, newReplay(1, opts))
}

func newTLSCrypt(key *StaticKey, server bool, r replay) *tlsCrypt {
	dir := Inverse
	if server {
		dir = Normal
	}
	return &tlsCrypt{r, halfSIV(key, dir.send()), halfSIV(key, dir.receive())}
}

func halfSIV(key *StaticKey, half int) siv { return newSIV(key.cipher(half), key.hmac(half)) }

const (
	cryptOverhead = replayLen + tagLen
	cryptADLen    = wire.ControlHeaderLen + replayLen
)

// Overhead implements Wrapper.
func (w *tlsCrypt) Overhead(wire.Opcode) int { return cryptOverhead }

// Wrap implements Wrapper.
func (w *tlsCrypt) Wrap(dst []byte, c *wire.Control, now time.Time) []byte {
	head := len(dst)
	dst = c.AppendHeader(dst)
	dst = w.replay.send.append(dst, now)
	body := c.AppendBody(make([]byte, 0, c.BodyLen()))
	return w.send.seal(dst, dst[head:], body)
}

// Unwrap implements Wrapper. c.Payload is fresh memory.
func (w *tlsCrypt) Unwrap(c *wire.Control, packet []byte) error {
	if _, err := c.ParseHeader(packet); err != nil {
		return err
	}
	if need := wire.ControlHeaderLen + cryptOverhead; len(packet) < need {
		return fmt.Errorf("tls-crypt: %w: %d bytes, need %d", wire.ErrShort, len(packet), need)
	}
	body, ok := w.recv.open(packet[:cryptADLen], packet[cryptADLen:])
	if !ok {
		return authError("tls-crypt", c, packet)
	}
	if err := w.accept(parseReplay(packet[wire.ControlHeaderLen:])); err != nil {
		return fmt.Errorf("tls-crypt: %w", err)
	}
	return c.ParseBody(body)
}

// tlsCryptV2Client is tlsCrypt by the client's own key, which it lets the
// server have, wrapped, behind the packets that open a session.
type tlsCryptV2Client struct {
	*tlsCrypt
	wkc []byte
}

// NewTLSCryptV2Client armours as tls-crypt does by key.Kc, and puts key.WKc
// behind P_CONTROL_HARD_RESET_CLIENT_V3 and P_CONTROL_WKC_V1.
func NewTLSCryptV2Client(key *ClientKeyV2, opts ...Option) Wrapper {
	return &tlsCryptV2Client{newTLSCrypt(key.Kc, false, newReplay(EarlyNegotiationID, opts)), key.WKc}
}

// Overhead implements Wrapper.
func (w *tlsCryptV2Client) Overhead(op wire.Opcode) int {
	if op.HasWKc() {
		return cryptOverhead + len(w.wkc)
	}
	return cryptOverhead
}

// Wrap implements Wrapper.
func (w *tlsCryptV2Client) Wrap(dst []byte, c *wire.Control, now time.Time) []byte {
	dst = w.tlsCrypt.Wrap(dst, c, now)
	if c.Op.HasWKc() {
		dst = append(dst, w.wkc...)
	}
	return dst
}

// tlsCryptV2Server is tlsCrypt by the key that a client brought.
type tlsCryptV2Server struct{ *tlsCrypt }

// NewTLSCryptV2Server armours as tls-crypt does by kc, which came out of
// ServerKeyV2.UnwrapClientKey, and takes the wrapped key off the packets that
// carry one.
func NewTLSCryptV2Server(kc *StaticKey, opts ...Option) Wrapper {
	return &tlsCryptV2Server{newTLSCrypt(kc, true, newReplay(1, opts))}
}

// Unwrap implements Wrapper. c.Payload is fresh memory.
func (w *tlsCryptV2Server) Unwrap(c *wire.Control, packet []byte) error {
	if _, err := c.ParseHeader(packet); err != nil {
		return err
	}
	if c.Op.HasWKc() {
		var err error
		if packet, _, err = SplitWKc(packet); err != nil {
			return err
		}
	}
	return w.tlsCrypt.Unwrap(c, packet)
}

// BringsKey reports whether w is a tls-crypt-v2 client's, whose hard reset has
// an opcode of its own (P_CONTROL_HARD_RESET_CLIENT_V3).
func BringsKey(w Wrapper) bool {
	_, ok := w.(*tlsCryptV2Client)
	return ok
}
