package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	_ "crypto/md5" // for signatures of old authorities, if the configuration allows them
	"crypto/rsa"
	_ "crypto/sha1" // the same
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// signed is the envelope of a certificate or revocation list (RFC 5280,
// sections 4.1 and 5.1).
type signed struct {
	content   cryptobyte.String // with its tag, as it was signed
	algorithm cryptobyte.String // the whole AlgorithmIdentifier
	signature []byte
}

var errEnvelope = errors.New("it is not a certificate or a list: expected contents, an algorithm and a signature")

// parseSigned reads the envelope that der begins with, and what follows it.
func parseSigned(der []byte) (s signed, rest []byte, err error) {
	outer, all := cryptobyte.String(nil), cryptobyte.String(der)
	var bits asn1.BitString
	if !all.ReadASN1(&outer, tags.SEQUENCE) ||
		!outer.ReadASN1Element(&s.content, tags.SEQUENCE) ||
		!outer.ReadASN1Element(&s.algorithm, tags.SEQUENCE) ||
		!outer.ReadASN1BitString(&bits) || !outer.Empty() {
		return s, nil, errEnvelope
	}
	s.signature = bits.RightAlign()
	return s, all, nil
}

// scheme is a signature algorithm.
type scheme struct {
	hash crypto.Hash
	pss  bool
	salt int // length, with pss
}

func (s scheme) weak() bool { return s.hash == crypto.SHA1 || s.hash == crypto.MD5 }

func (s scheme) String() string {
	if s.hash == 0 {
		return "Ed25519"
	}
	if s.pss {
		return fmt.Sprintf("RSA-PSS with %v and a salt of %d bytes", s.hash, s.salt)
	}
	return s.hash.String()
}

// schemes are the algorithms of signatures without parameters of their own, by
// number (RFC 3279, 5758 and 8410).
var schemes = map[string]scheme{
	"1.2.840.113549.1.1.4":  {hash: crypto.MD5},
	"1.2.840.113549.1.1.5":  {hash: crypto.SHA1},
	"1.3.14.3.2.29":         {hash: crypto.SHA1},
	"1.2.840.113549.1.1.14": {hash: crypto.SHA224},
	"1.2.840.113549.1.1.11": {hash: crypto.SHA256},
	"1.2.840.113549.1.1.12": {hash: crypto.SHA384},
	"1.2.840.113549.1.1.13": {hash: crypto.SHA512},
	"1.2.840.10045.4.1":     {hash: crypto.SHA1},
	"1.2.840.10045.4.3.1":   {hash: crypto.SHA224},
	"1.2.840.10045.4.3.2":   {hash: crypto.SHA256},
	"1.2.840.10045.4.3.3":   {hash: crypto.SHA384},
	"1.2.840.10045.4.3.4":   {hash: crypto.SHA512},
	"1.3.101.112":           {},
}

var hashes = map[string]crypto.Hash{
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.4": crypto.SHA224,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

var pssOID = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}

// SchemeError reports a signature algorithm that cannot be checked here.
type SchemeError struct{ What string }

func (e *SchemeError) Error() string {
	return e.What + " is not supported here; sign with RSA (PKCS #1 or PSS), ECDSA or Ed25519, with SHA-256"
}

// parseScheme reads an AlgorithmIdentifier.
func parseScheme(algorithm []byte) (scheme, error) {
	var id pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(algorithm, &id); err != nil {
		return scheme{}, fmt.Errorf("the algorithm of the signature: %w", err)
	}
	if id.Algorithm.Equal(pssOID) {
		return parsePSS(id.Parameters.FullBytes)
	}
	if s, ok := schemes[id.Algorithm.String()]; ok {
		return s, nil
	}
	return scheme{}, &SchemeError{"a signature of the algorithm " + algorithmName(id.Algorithm)}
}

// parsePSS reads RSASSA-PSS-params (RFC 4055, section 3.1).
func parsePSS(der []byte) (scheme, error) {
	id := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}}
	params := struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:0"`
		MGF     pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:1"`
		Salt    int                      `asn1:"explicit,optional,tag:2,default:20"`
		Trailer int                      `asn1:"explicit,optional,tag:3,default:1"`
	}{Hash: id}
	mask := id
	if len(der) > 0 {
		if _, err := asn1.Unmarshal(der, &params); err != nil {
			return scheme{}, fmt.Errorf("the parameters of an RSA-PSS signature: %w", err)
		}
	}
	if params.MGF.Algorithm != nil {
		mask = pkix.AlgorithmIdentifier{}
		if _, err := asn1.Unmarshal(params.MGF.Parameters.FullBytes, &mask); err != nil {
			return scheme{}, fmt.Errorf("the mask of an RSA-PSS signature: %w", err)
		}
	}
	if params.Hash.Algorithm == nil {
		params.Hash = id
	}
	s := scheme{pss: true, hash: hashes[params.Hash.Algorithm.String()], salt: params.Salt}
	if s.hash == 0 || params.Trailer != 1 || s.salt < 0 || s.salt > 1024 {
		return s, &SchemeError{"an RSA-PSS signature with these parameters"}
	}
	if hashes[mask.Algorithm.String()] != s.hash {
		return s, &SchemeError{fmt.Sprintf("an RSA-PSS signature over %v whose mask (MGF1) uses another hash", s.hash)}
	}
	return s, nil
}

// CheckHash fails with a *WeakError if the signature of a certificate is over a hash
// that lets it be forged.
func CheckHash(cert *x509.Certificate) error {
	envelope, _, err := parseSigned(cert.Raw)
	if err != nil {
		return nil
	}
	if s, err := parseScheme(envelope.algorithm); err == nil && s.weak() {
		return &WeakError{Cert: cert, Hash: s.hash}
	}
	return nil
}

// verify checks that signature is the signature of content by key.
func (s scheme) verify(key crypto.PublicKey, content, signature []byte) error {
	digest := content
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(content)
		digest = h.Sum(nil)
	}
	ok := false
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch {
		case s.pss: // a salt of 0 means any to the library, which is as safe
			return rsa.VerifyPSS(key, s.hash, digest, signature, &rsa.PSSOptions{SaltLength: s.salt})
		case s.hash != 0:
			return rsa.VerifyPKCS1v15(key, s.hash, digest, signature)
		}
	case *ecdsa.PublicKey:
		ok = s.hash != 0 && !s.pss && ecdsa.VerifyASN1(key, digest, signature)
	case ed25519.PublicKey:
		ok = s.hash == 0 && ed25519.Verify(key, content, signature)
	case nil:
		return &SchemeError{"the authority's kind of key"}
	}
	if !ok {
		return errors.New("the signature was made with another key, or what it signs was changed")
	}
	return nil
}

// publicKey returns the certificate's key if signatures can be checked with it, else
// nil. It also reads RSA keys for PSS alone (RFC 4055, section 1.2), which
// crypto/x509 does not know.
func publicKey(cert *x509.Certificate) crypto.PublicKey {
	if cert.PublicKey != nil {
		return cert.PublicKey
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.RawSubjectPublicKeyInfo, &info); err != nil || !info.Algorithm.Algorithm.Equal(pssOID) {
		return nil
	}
	key, err := x509.ParsePKCS1PublicKey(info.Key.RightAlign())
	if err != nil {
		return nil
	}
	return key
}
