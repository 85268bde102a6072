package wrap

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"time"

	"culvert/session/wire"
)

const (
	serverKeyV2Len = 2 * keyPartLen
	wkcOverhead    = tagLen + 2 // tag and length field
	minWKcLen      = staticKeyLen + wkcOverhead
	maxWKcLen      = 1024

	serverKeyV2PEM = "OpenVPN tls-crypt-v2 server key"
	clientKeyV2PEM = "OpenVPN tls-crypt-v2 client key"
)

// MaxMetadata is how long the metadata in a wrapped key may be, with its type
// byte.
const MaxMetadata = maxWKcLen - minWKcLen

// ServerKeyV2 wraps the keys of a server's clients: key 1 64 | key 2 64, of
// which Ke is the first half of key 1 and Ka that of key 2 (tls-crypt-v2.txt,
// "Implementation"). It prints as "[tls-crypt-v2 server key]".
type ServerKeyV2 struct{ raw [serverKeyV2Len]byte }

// String hides the key.
func (*ServerKeyV2) String() string { return "[tls-crypt-v2 server key]" }

// GoString hides the key.
func (*ServerKeyV2) GoString() string { return "[tls-crypt-v2 server key]" }

func (k *ServerKeyV2) siv() siv { return newSIV(k.raw[:keyPartLen], k.raw[keyPartLen:]) }

// GenerateServerKeyV2 makes a key from 128 bytes of rand.
func GenerateServerKeyV2(rand io.Reader) (*ServerKeyV2, error) {
	k := new(ServerKeyV2)
	if _, err := io.ReadFull(rand, k.raw[:]); err != nil {
		return nil, fmt.Errorf("generate tls-crypt-v2 server key: %w", err)
	}
	return k, nil
}

// Format is the key as a file that ParseServerKeyV2 and OpenVPN read.
func (k *ServerKeyV2) Format() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: serverKeyV2PEM, Bytes: k.raw[:]})
}

// ParseServerKeyV2 reads a key file. It fails with ErrKey.
func ParseServerKeyV2(text []byte) (*ServerKeyV2, error) {
	raw, err := parsePEM(text, serverKeyV2PEM)
	if err != nil {
		return nil, err
	}
	if len(raw) != serverKeyV2Len {
		return nil, fmt.Errorf("%s: %w: %d bytes, need %d", serverKeyV2PEM, ErrKey, len(raw), serverKeyV2Len)
	}
	return &ServerKeyV2{[serverKeyV2Len]byte(raw)}, nil
}

// WrapClientKey makes the wrapped form of a client's key, which only this
// server key opens: tag 32 | encrypted Kc 256 and metadata | length 2. It fails
// when metadata is longer than MaxMetadata.
func (k *ServerKeyV2) WrapClientKey(kc *StaticKey, metadata []byte) ([]byte, error) {
	if len(metadata) > MaxMetadata {
		return nil, fmt.Errorf("wrap client key: %d bytes of metadata, at most %d fit, type included", len(metadata), MaxMetadata)
	}
	n := binary.BigEndian.AppendUint16(nil, uint16(minWKcLen+len(metadata)))
	plain := append(bytes.Clone(kc.raw[:]), metadata...)
	return append(k.siv().seal(nil, n, plain), n...), nil
}

// UnwrapClientKey opens a wrapped client key. It fails with wire.ErrMalformed
// when wkc is none, and with ErrAuth when it was not made by this server key.
func (k *ServerKeyV2) UnwrapClientKey(wkc []byte) (kc *StaticKey, metadata []byte, err error) {
	rest, wkc, err := SplitWKc(wkc)
	if err != nil {
		return nil, nil, err
	}
	if len(rest) > 0 {
		return nil, nil, fmt.Errorf("wrapped client key: %w: %d bytes before it", wire.ErrMalformed, len(rest))
	}
	text, n := wkc[:len(wkc)-2], wkc[len(wkc)-2:]
	plain, ok := k.siv().open(n, text)
	if !ok {
		return nil, nil, fmt.Errorf("wrapped client key: %w: it was made by another tls-crypt-v2 server key, or damaged", ErrAuth)
	}
	return &StaticKey{[staticKeyLen]byte(plain)}, plain[staticKeyLen:], nil
}

// SplitWKc splits a packet from the wrapped client key behind it, whose length
// is in its last two bytes. It fails with wire.ErrShort or wire.ErrMalformed.
func SplitWKc(packet []byte) (rest, wkc []byte, err error) {
	if len(packet) < minWKcLen {
		return nil, nil, fmt.Errorf("wrapped client key: %w: %d bytes, need %d", wire.ErrShort, len(packet), minWKcLen)
	}
	n := int(binary.BigEndian.Uint16(packet[len(packet)-2:]))
	if n < minWKcLen || n > maxWKcLen || n > len(packet) {
		return nil, nil, fmt.Errorf("wrapped client key: %w: length %d in a packet of %d bytes", wire.ErrMalformed, n, len(packet))
	}
	return packet[:len(packet)-n], packet[len(packet)-n:], nil
}

// ClientKeyV2 is what a client of tls-crypt-v2 has: its own key, and the same
// wrapped by the server's.
type ClientKeyV2 struct {
	Kc  *StaticKey
	WKc []byte
}

// GenerateClientKeyV2 makes a client's key from 256 bytes of rand and wraps it
// by server with metadata, which is UserMetadata, TimestampMetadata or empty.
func GenerateClientKeyV2(rand io.Reader, server *ServerKeyV2, metadata []byte) (*ClientKeyV2, error) {
	kc, err := GenerateStaticKey(rand)
	if err != nil {
		return nil, err
	}
	wkc, err := server.WrapClientKey(kc, metadata)
	if err != nil {
		return nil, err
	}
	return &ClientKeyV2{kc, wkc}, nil
}

// Format is the key as a file that ParseClientKeyV2 and OpenVPN read.
func (k *ClientKeyV2) Format() []byte {
	raw := append(bytes.Clone(k.Kc.raw[:]), k.WKc...)
	return pem.EncodeToMemory(&pem.Block{Type: clientKeyV2PEM, Bytes: raw})
}

// ParseClientKeyV2 reads a key file. It fails with ErrKey. The client cannot
// open its wrapped key, so only the length is checked: other servers may wrap
// differently.
func ParseClientKeyV2(text []byte) (*ClientKeyV2, error) {
	raw, err := parsePEM(text, clientKeyV2PEM)
	if err != nil {
		return nil, err
	}
	if len(raw) <= staticKeyLen || len(raw) > staticKeyLen+maxWKcLen {
		return nil, fmt.Errorf("%s: %w: %d bytes, need %d to %d",
			clientKeyV2PEM, ErrKey, len(raw), staticKeyLen+1, staticKeyLen+maxWKcLen)
	}
	return &ClientKeyV2{&StaticKey{[staticKeyLen]byte(raw)}, raw[staticKeyLen:]}, nil
}

// parsePEM finds the only block of a key file.
func parsePEM(text []byte, want string) ([]byte, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: %w: no PEM block %q", want, ErrKey, want)
	}
	if block.Type != want {
		return nil, fmt.Errorf("%s: %w: this is %q; servers take the server key, clients a client key", want, ErrKey, block.Type)
	}
	return block.Bytes, nil
}

// MetadataType is the first byte of the metadata in a wrapped key.
type MetadataType byte

// The types in use.
const (
	MetadataUser      MetadataType = 0x00 // free-form
	MetadataTimestamp MetadataType = 0x01 // when the key was made, 8 bytes of Unix seconds
)

// UserMetadata is metadata of the type MetadataUser.
func UserMetadata(data []byte) []byte { return append([]byte{byte(MetadataUser)}, data...) }

// TimestampMetadata is metadata of the type MetadataTimestamp.
func TimestampMetadata(made time.Time) []byte {
	return binary.BigEndian.AppendUint64([]byte{byte(MetadataTimestamp)}, uint64(made.Unix()))
}

// KeyTime reads from a key's metadata when it was made; ok is false if the
// metadata does not say.
func KeyTime(metadata []byte) (made time.Time, ok bool) {
	if len(metadata) != 9 || metadata[0] != byte(MetadataTimestamp) {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(metadata[1:])), 0), true
}
