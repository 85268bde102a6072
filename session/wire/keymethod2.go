package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// KeySource is the random material of key method 2, used by the OpenVPN PRF
// and ignored where keys come from the TLS exporter.
type KeySource struct {
	PreMaster [48]byte // sent by the TLS client only
	Random1   [32]byte
	Random2   [32]byte
}

// KeyMethod2 is the first message of each side inside TLS (draft, "Key
// exchange message").
//
//	0 4 | method 1 | pre-master 48, client only | random1 32 | random2 32 |
//	options | username | password | peer-info
//
// Strings carry a 16-bit length that counts their closing NUL.
type KeyMethod2 struct {
	Source   KeySource
	Options  string // the options string for consistency checks (OCC)
	Username string
	Password string
	PeerInfo string // lines of NAME=VALUE; absent from old peers
}

// maxKeyString bounds each string of the message, in bytes with its NUL.
const maxKeyString = 1<<16 - 1

// AppendKeyMethod2 appends the message as the TLS client or server sends it.
// It fails with ErrMalformed when a string is longer than 65,534 bytes or
// holds a NUL.
func AppendKeyMethod2(b []byte, m *KeyMethod2, fromClient bool) ([]byte, error) {
	b = append(b, 0, 0, 0, 0, 2)
	if fromClient {
		b = append(b, m.Source.PreMaster[:]...)
	}
	b = append(b, m.Source.Random1[:]...)
	b = append(b, m.Source.Random2[:]...)
	for _, s := range []string{m.Options, m.Username, m.Password, m.PeerInfo} {
		if len(s) >= maxKeyString || strings.IndexByte(s, 0) >= 0 {
			return nil, fmt.Errorf("key method 2: %w: string of %d bytes", ErrMalformed, len(s))
		}
		if s == "" {
			b = append(b, 0, 0)
			continue
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)+1))
		b = append(b, s...)
		b = append(b, 0)
	}
	return b, nil
}

// ParseKeyMethod2 reads the message and returns how many bytes it took. An
// ErrShort means that more bytes of the TLS stream are needed; ErrMalformed
// that no more will help. The strings after Options may be absent: older peers
// leave them out, and nothing follows the message until it is answered.
func ParseKeyMethod2(b []byte, fromClient bool) (m *KeyMethod2, n int, err error) {
	m = new(KeyMethod2)
	r := reader{b: b}
	head := r.take(5)
	if r.short {
		return nil, 0, fmt.Errorf("key method 2: %w", ErrShort)
	}
	if binary.BigEndian.Uint32(head) != 0 || head[4]&0x0f != 2 {
		return nil, 0, fmt.Errorf("key method 2: %w: literal %x, method %d", ErrMalformed, head[:4], head[4])
	}
	if fromClient {
		copy(m.Source.PreMaster[:], r.take(48))
	}
	copy(m.Source.Random1[:], r.take(32))
	copy(m.Source.Random2[:], r.take(32))
	m.Options = r.str()
	if r.short {
		return nil, 0, fmt.Errorf("key method 2: %w", ErrShort)
	}
	for _, s := range []*string{&m.Username, &m.Password, &m.PeerInfo} {
		if len(r.b) == 0 {
			break
		}
		*s = r.str()
	}
	if r.short {
		return nil, 0, fmt.Errorf("key method 2: %w", ErrShort)
	}
	return m, len(b) - len(r.b), nil
}

// reader takes fields from the front of b and remembers running out.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.short, r.b = true, nil
		return nil
	}
	f := r.b[:n]
	r.b = r.b[n:]
	return f
}

// str reads a string up to its first NUL.
func (r *reader) str() string {
	length := r.take(2)
	if r.short {
		return ""
	}
	s := string(r.take(int(binary.BigEndian.Uint16(length))))
	s, _, _ = strings.Cut(s, "\x00")
	return s
}
