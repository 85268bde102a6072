package profile

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// The paddings in the words of OpenVPN's management protocol.
const (
	pkcs1Padding = "RSA_PKCS1_PADDING"
	noPadding    = "RSA_NO_PADDING"
	pssPadding   = "RSA_PKCS1_PSS_PADDING,hashalg="
	saltDigest   = ",saltlen=digest"
)

// hashName is a digest's name in that protocol, such as SHA256.
func hashName(o crypto.SignerOpts) string {
	return strings.ReplaceAll(o.HashFunc().String(), "-", "")
}

// digestOIDs are the digests' names in a DigestInfo (RFC 8017, appendix B.1).
var digestOIDs = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA1:   {1, 3, 14, 3, 2, 26},
	crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
	crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
}

// digestInfo puts the header before a digest that PKCS #1 signs with it (RFC 8017,
// section 9.2).
func digestInfo(digest []byte, h crypto.Hash) ([]byte, error) {
	oid := digestOIDs[h]
	if oid == nil {
		return nil, fmt.Errorf("no signature over %v can be asked of a management client", h)
	}
	type algorithm struct {
		OID  asn1.ObjectIdentifier
		Null asn1.RawValue
	}
	return asn1.Marshal(struct {
		Algorithm algorithm
		Digest    []byte
	}{algorithm{oid, asn1.NullRawValue}, digest})
}

var errShortKey = errors.New("the RSA key is too short for this signature")

// padPKCS1 pads a DigestInfo to a key's size in bytes (RFC 8017, section 9.2).
func padPKCS1(info []byte, size int) ([]byte, error) {
	const least = 8
	fill := size - len(info) - 3
	if fill < least {
		return nil, errShortKey
	}
	padded := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, fill)...)
	return append(append(padded, 0), info...), nil
}

// padPSS pads a digest for a key of bits, with a salt as long as the digest (EMSA-PSS,
// RFC 8017, section 9.1.1).
func padPSS(digest []byte, bits int, h crypto.Hash) ([]byte, error) {
	salt := make([]byte, h.Size())
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	emBits := bits - 1
	size := (emBits + 7) / 8
	fill := size - 2*h.Size() - 2
	if fill < 0 || len(digest) != h.Size() {
		return nil, errShortKey
	}
	hash := h.New()
	hash.Write(make([]byte, 8))
	hash.Write(digest)
	hash.Write(salt)
	sum := hash.Sum(nil)
	db := append(append(make([]byte, fill), 1), salt...)
	maskWith(db, sum, h)
	db[0] &= 0xff >> (8*size - emBits)
	padded := append(append(db, sum...), 0xbc)
	return append(make([]byte, (bits+7)/8-size), padded...), nil
}

// maskWith changes b by a mask that seed gives (MGF1, RFC 8017, appendix B.2.1).
func maskWith(b, seed []byte, h crypto.Hash) {
	for at, counter := 0, uint32(0); at < len(b); counter++ {
		hash := h.New()
		hash.Write(seed)
		hash.Write(binary.BigEndian.AppendUint32(nil, counter))
		for _, m := range hash.Sum(nil) {
			if at == len(b) {
				break
			}
			b[at] ^= m
			at++
		}
	}
}
