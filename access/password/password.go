// Package password makes and checks the hashes of passwords: argon2id (RFC 9106), as text
// in the form that argon2's own program writes:
//
//	$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH
package password

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Params say how much work one guess of a password is.
type Params struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// Default is what a new hash takes: 19 MiB and two passes, some 30 ms of one core. That is
// OWASP's advice for servers on which many people sign in at the same time.
var Default = Params{Memory: 19 << 10, Passes: 2, Threads: 1}

// The limits of what Parse takes: a record must not be able to stop a server.
const (
	maxMemory = 1 << 20 // KiB
	maxPasses = 64
	maxText   = 512 // bytes of a hash
	minBytes  = 8   // of salt
	maxBytes  = 64  // of salt and of hash
	saltBytes = 16
	hashBytes = 32
)

// MaxLength is how many bytes a password may have.
const MaxLength = 1024

// MinLength is how many bytes a password has at least.
const MinLength = 8

// Check fails if a password cannot be set, in words that do not repeat it.
func Check(password string) error {
	switch {
	case len(password) < MinLength:
		return fmt.Errorf("the password has %d bytes: expected at least %d, such as four words", len(password), MinLength)
	case len(password) > MaxLength:
		return fmt.Errorf("the password has %d bytes: expected at most %d", len(password), MaxLength)
	case strings.ContainsAny(password, "\x00\r\n"):
		return errors.New("the password has a line end in it, which no client can send")
	}
	return nil
}

// Hashed is what is kept of a password.
type Hashed struct {
	Params
	salt, sum []byte
}

// Hash returns what is to be kept of a password. random is cryptographically secure.
func Hash(random io.Reader, password string, p Params) (Hashed, error) {
	h := Hashed{Params: p, salt: make([]byte, saltBytes)}
	if err := p.check(); err != nil {
		return Hashed{}, err
	}
	if _, err := io.ReadFull(random, h.salt); err != nil {
		return Hashed{}, err
	}
	h.sum = argon2.IDKey([]byte(password), h.salt, p.Passes, p.Memory, p.Threads, hashBytes)
	return h, nil
}

// Matches reports whether this is the hash of a password. It takes as long for a wrong one.
func (h Hashed) Matches(password string) bool {
	if len(h.sum) == 0 || len(password) > MaxLength {
		return false
	}
	sum := argon2.IDKey([]byte(password), h.salt, h.Passes, h.Memory, h.Threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

// String returns the text that Parse reads. Whoever has it can guess the password: it is a
// secret.
func (h Hashed) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Passes, h.Threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// Parse reads what String wrote, or another program that makes such hashes. Its errors do
// not repeat the text.
func Parse(text string) (Hashed, error) {
	fields := strings.Split(text, "$")
	if len(text) > maxText || len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return Hashed{}, errors.New("hash of a password: expected the form $argon2id$v=19$m=N,t=N,p=N$SALT$HASH")
	}
	if fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Hashed{}, fmt.Errorf("hash of a password: version %.20q: expected v=%d", fields[2], argon2.Version)
	}
	var h Hashed
	var err error
	if h.Params, err = parseParams(fields[3]); err != nil {
		return Hashed{}, err
	}
	if h.salt, err = parseBytes("salt", fields[4]); err != nil {
		return Hashed{}, err
	}
	if h.sum, err = parseBytes("hash", fields[5]); err != nil {
		return Hashed{}, err
	}
	return h, nil
}

func parseParams(text string) (Params, error) {
	var n [3]uint64
	parts := strings.Split(text, ",")
	for i, key := range []string{"m=", "t=", "p="} {
		if len(parts) != len(n) || !strings.HasPrefix(parts[i], key) {
			return Params{}, fmt.Errorf("hash of a password: parameters %.40q: expected m=N,t=N,p=N", text)
		}
		value, err := strconv.ParseUint(parts[i][len(key):], 10, 32)
		if err != nil || strconv.FormatUint(value, 10) != parts[i][len(key):] {
			return Params{}, fmt.Errorf("hash of a password: parameter %.20q: expected a number", parts[i])
		}
		n[i] = value
	}
	if n[2] > 255 {
		return Params{}, fmt.Errorf("hash of a password: %d threads: expected at most 255", n[2])
	}
	p := Params{uint32(n[0]), uint32(n[1]), uint8(n[2])}
	return p, p.check()
}

func (p Params) check() error {
	switch {
	case p.Threads < 1, p.Passes < 1, p.Memory < 8*uint32(p.Threads):
		return fmt.Errorf("hash of a password: m=%d,t=%d,p=%d: expected one pass and thread at least, and 8 KiB for each thread", p.Memory, p.Passes, p.Threads)
	case p.Memory > maxMemory, p.Passes > maxPasses:
		return fmt.Errorf("hash of a password: m=%d,t=%d,p=%d: expected at most m=%d and t=%d", p.Memory, p.Passes, p.Threads, maxMemory, maxPasses)
	}
	return nil
}

func parseBytes(what, text string) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < minBytes || len(b) > maxBytes || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("hash of a password: its %s is damaged: expected %d to %d bytes in base64 without padding", what, minBytes, maxBytes)
	}
	return b, nil
}
