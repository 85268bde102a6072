// Package digest is the table of hashes that the protocol's HMACs can use, by
// OpenVPN's and OpenSSL's names.
package digest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"fmt"
	"hash"
	"slices"
	"strings"

	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"
	//lint:ignore SA1019 Only for peers configured with "auth RIPEMD160"; an HMAC does not need collision resistance.
	"golang.org/x/crypto/ripemd160"
)

// Digest is a hash that the HMACs of tls-auth and of CBC data packets can use (man
// page, --auth). The zero value means none.
type Digest struct {
	Name string // as OpenVPN writes it
	New  func() hash.Hash

	aliases []string
}

// Size is the length of the hash in bytes, 16 to 64; 0 for none.
func (d Digest) Size() int {
	if d.New == nil {
		return 0
	}
	return d.New().Size()
}

// digests are the ones that stock OpenVPN offers (--show-digests), with the names
// that OpenSSL has for them, except SM3, MD5-SHA1, SHAKE and KECCAK-KMAC.
var digests = []Digest{
	{"MD5", md5.New, []string{"SSL3-MD5"}},
	{"SHA1", sha1.New, []string{"SHA-1", "SSL3-SHA1"}},
	{"SHA224", sha256.New224, []string{"SHA-224", "SHA2-224"}},
	{"SHA256", sha256.New, []string{"SHA-256", "SHA2-256"}},
	{"SHA384", sha512.New384, []string{"SHA-384", "SHA2-384"}},
	{"SHA512", sha512.New, []string{"SHA-512", "SHA2-512"}},
	{"SHA512-224", sha512.New512_224, []string{"SHA-512/224", "SHA2-512/224"}},
	{"SHA512-256", sha512.New512_256, []string{"SHA-512/256", "SHA2-512/256"}},
	{"SHA3-224", func() hash.Hash { return sha3.New224() }, nil},
	{"SHA3-256", func() hash.Hash { return sha3.New256() }, nil},
	{"SHA3-384", func() hash.Hash { return sha3.New384() }, nil},
	{"SHA3-512", func() hash.Hash { return sha3.New512() }, nil},
	{"RIPEMD160", ripemd160.New, []string{"RIPEMD-160", "RIPEMD", "RMD160"}},
	{"BLAKE2b512", unkeyed(blake2b.New512), []string{"BLAKE2B-512"}},
	{"BLAKE2s256", unkeyed(blake2s.New256), []string{"BLAKE2S-256"}},
}

// unkeyed adapts BLAKE2's constructors, which fail only if the key is too long.
func unkeyed(newHash func(key []byte) (hash.Hash, error)) func() hash.Hash {
	return func() hash.Hash {
		h, err := newHash(nil)
		if err != nil {
			panic(err)
		}
		return h
	}
}

// Lookup finds a digest by OpenVPN's name for it or another of OpenSSL's, in upper
// or lower case. The error lists the names.
func Lookup(name string) (Digest, error) {
	same := func(s string) bool { return strings.EqualFold(s, name) }
	for _, d := range digests {
		if same(d.Name) || slices.ContainsFunc(d.aliases, same) {
			return d, nil
		}
	}
	return Digest{}, fmt.Errorf("no digest %q; use one of %s", name, strings.Join(Names(), ", "))
}

// Names lists the names that Lookup knows, without aliases.
func Names() []string {
	names := make([]string, len(digests))
	for i, d := range digests {
		names[i] = d.Name
	}
	return names
}

// All returns the table.
func All() []Digest { return slices.Clone(digests) }
