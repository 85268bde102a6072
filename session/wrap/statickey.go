package wrap

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrKey is a key file, or a wrapped client key, that cannot be used.
var ErrKey = errors.New("bad key")

// staticKeyLen is 2 × (cipher key 64 | HMAC key 64).
const (
	staticKeyLen = 256
	keyPartLen   = 64
)

// StaticKey is the pre-shared key of tls-auth and tls-crypt, and a client's own
// key of tls-crypt-v2 (draft, "OpenVPN static key format"). It prints as
// "[static key]".
type StaticKey struct{ raw [staticKeyLen]byte }

// String hides the key.
func (*StaticKey) String() string { return "[static key]" }

// GoString hides the key.
func (*StaticKey) GoString() string { return "[static key]" }

func (k *StaticKey) cipher(i int) []byte { return k.raw[2*i*keyPartLen:][:keyPartLen] }
func (k *StaticKey) hmac(i int) []byte   { return k.raw[(2*i+1)*keyPartLen:][:keyPartLen] }

// DataKeys are the parts that `secret` sends and receives data with, each a
// cipher key of 64 bytes and an HMAC key of 64. Both are the first half where
// there is no direction.
func (k *StaticKey) DataKeys(d Direction) (send, receive [2 * keyPartLen]byte) {
	copy(send[:], k.raw[d.send()*2*keyPartLen:])
	copy(receive[:], k.raw[d.receive()*2*keyPartLen:])
	return send, receive
}

// Direction is which half of a static key sends and which receives (man page,
// --key-direction). The two ends take opposite ones, or both Bidirectional.
type Direction uint8

const (
	Bidirectional Direction = iota // no key-direction: the first half both ways
	Normal                         // key-direction 0: sends with the first half, receives with the second
	Inverse                        // key-direction 1: the other way round
)

func (d Direction) String() string {
	return [...]string{"no key-direction", "key-direction 0", "key-direction 1"}[d]
}

// Peer is the direction that the other end must have.
func (d Direction) Peer() Direction { return [...]Direction{Bidirectional, Inverse, Normal}[d] }

// send and receive are the indexes of the key halves.
func (d Direction) send() int { return [...]int{0, 0, 1}[d] }

func (d Direction) receive() int { return d.Peer().send() }

const (
	staticKeyBegin = "-----BEGIN OpenVPN Static key V1-----"
	staticKeyEnd   = "-----END OpenVPN Static key V1-----"
)

// GenerateStaticKey makes a key from 256 bytes of rand.
func GenerateStaticKey(rand io.Reader) (*StaticKey, error) {
	k := new(StaticKey)
	if _, err := io.ReadFull(rand, k.raw[:]); err != nil {
		return nil, fmt.Errorf("generate static key: %w", err)
	}
	return k, nil
}

// Format is the key as a file that ParseStaticKey and OpenVPN read.
func (k *StaticKey) Format() []byte {
	b := []byte("#\n# 2048 bit OpenVPN static key\n#\n" + staticKeyBegin + "\n")
	for line := range slices.Chunk(k.raw[:], 16) {
		b = append(hex.AppendEncode(b, line), '\n')
	}
	return append(b, staticKeyEnd+"\n"...)
}

// ParseStaticKey reads a key file: 512 hexadecimal digits between its BEGIN and
// END lines. Space, empty lines, lines that begin with # or ; and whatever
// stands before and after are passed over. The error, an ErrKey, names the line.
func ParseStaticKey(text []byte) (*StaticKey, error) {
	var digits []byte
	n, inside := 0, false
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case !inside:
			inside = line == staticKeyBegin
		case line == staticKeyEnd:
			return staticKeyFromHex(digits)
		case line == "" || line[0] == '#' || line[0] == ';':
		default:
			var err error
			if digits, err = appendDigits(digits, line); err != nil {
				return nil, fmt.Errorf("static key: %w: line %d: %w", ErrKey, n, err)
			}
		}
	}
	if inside {
		return nil, fmt.Errorf("static key: %w: no line %q; the file was cut off", ErrKey, staticKeyEnd)
	}
	return nil, missingHeader(text)
}

// missingHeader is the error of a file without a static key. It recognizes a
// tls-crypt-v2 key.
func missingHeader(text []byte) error {
	if bytes.Contains(text, []byte("BEGIN OpenVPN tls-crypt-v2")) {
		return fmt.Errorf("static key: %w: this is a tls-crypt-v2 key; give it to tls-crypt-v2 instead", ErrKey)
	}
	return fmt.Errorf("static key: %w: no line %q; make a key with --genkey secret", ErrKey, staticKeyBegin)
}

func appendDigits(digits []byte, line string) ([]byte, error) {
	for _, c := range []byte(line) {
		switch {
		case c == ' ' || c == '\t':
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			if digits = append(digits, c); len(digits) > 2*staticKeyLen {
				return nil, fmt.Errorf("more than %d bytes", staticKeyLen)
			}
		default:
			return nil, fmt.Errorf("%q is no hexadecimal digit", c)
		}
	}
	return digits, nil
}

func staticKeyFromHex(digits []byte) (*StaticKey, error) {
	if len(digits) != 2*staticKeyLen {
		return nil, fmt.Errorf("static key: %w: %d hexadecimal digits, need %d (%d bytes)",
			ErrKey, len(digits), 2*staticKeyLen, staticKeyLen)
	}
	k := new(StaticKey)
	_, err := hex.Decode(k.raw[:], digits)
	return k, err
}
