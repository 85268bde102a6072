package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// Cipher is a data channel cipher; values are comparable. The zero value is
// unset, and refused by NewGeneration.
type Cipher uint8

// The ciphers, in the order of Names.
const (
	AES256GCM Cipher = iota + 1
	AES128GCM
	ChaCha20Poly1305
	AES192GCM
	AES256CBC
	AES192CBC
	AES128CBC
	// None does not encrypt. GenerationConfig.Insecure must be set with it.
	None
)

// ErrUnknownCipher is returned by LookupCipher, wrapped with the name.
var ErrUnknownCipher = errors.New("unsupported data channel cipher")

// maxUsageGCM bounds packets plus blocks under one AES-GCM key (draft, "AEAD
// usage limits", for a margin of 2^-57).
const maxUsageGCM = 1 << 36

type cipherSpec struct {
	name     string
	keyLen   int                                    // bytes
	maxUsage uint64                                 // packets plus 16-byte blocks under one key
	aead     func(key []byte) (cipher.AEAD, error)  // nil: authenticated by HMAC
	block    func(key []byte) (cipher.Block, error) // in CBC mode, where aead is nil
}

var ciphers = [...]cipherSpec{
	AES256GCM:        {"AES-256-GCM", 32, maxUsageGCM, newGCM, nil},
	AES128GCM:        {"AES-128-GCM", 16, maxUsageGCM, newGCM, nil},
	ChaCha20Poly1305: {"CHACHA20-POLY1305", chacha20poly1305.KeySize, math.MaxUint64, chacha20poly1305.New, nil},
	AES192GCM:        {"AES-192-GCM", 24, maxUsageGCM, newGCM, nil},
	AES256CBC:        {"AES-256-CBC", 32, math.MaxUint64, nil, aes.NewCipher},
	AES192CBC:        {"AES-192-CBC", 24, math.MaxUint64, nil, aes.NewCipher},
	AES128CBC:        {"AES-128-CBC", 16, math.MaxUint64, nil, aes.NewCipher},
	None:             {"NONE", 0, math.MaxUint64, nil, nil},
}

// LookupCipher finds a cipher by its name in any case. It fails with
// ErrUnknownCipher.
func LookupCipher(name string) (Cipher, error) {
	for c := AES256GCM; c.valid(); c++ {
		if strings.EqualFold(name, c.Name()) {
			return c, nil
		}
	}
	return 0, fmt.Errorf("%w: %q; use one of %s", ErrUnknownCipher, name, strings.Join(Names(), ", "))
}

// Names lists the canonical names of all ciphers, the preferred first, without
// that of None.
func Names() []string {
	var names []string
	for c := AES256GCM; c < None; c++ {
		names = append(names, c.Name())
	}
	return names
}

// Name is the canonical name, as sent in IV_CIPHERS and in the cipher option;
// "" for the zero value.
func (c Cipher) Name() string {
	if !c.valid() {
		return ""
	}
	return ciphers[c].name
}

// IsAEAD reports whether the cipher authenticates by itself; the others need a
// digest.
func (c Cipher) IsAEAD() bool { return c.valid() && ciphers[c].aead != nil }

func (c Cipher) valid() bool { return c > 0 && int(c) < len(ciphers) }

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
