package pki

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"culvert/internal/pemtext"
)

// The types of PEM block read and written here.
const (
	typeCertificate = "CERTIFICATE"
	typeKey         = "PRIVATE KEY"
)

// ErrEncryptedKey is wrapped by ParseKey's error for a key protected by a password.
var ErrEncryptedKey = errors.New("the private key is protected by a password")

// ParseCertificates reads every certificate of a PEM bundle, in order. Without an
// error there is at least one. It skips text around the blocks, such as `openssl
// x509 -text` writes, and blocks of other types, and accepts indented lines and
// either line ending. The error says what was found instead.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	certs, faults, err := ParseAuthorities(text)
	if err == nil && len(faults) > 0 {
		return nil, faults[0]
	}
	return certs, err
}

// ParseAuthorities is ParseCertificates for a bundle in which some certificates may
// not be usable here: faults says which were left out and why. It fails if none is
// left, or if the text itself is damaged.
func ParseAuthorities(text []byte) (certs []*x509.Certificate, faults []error, err error) {
	blocks := 0
	for _, b := range decodeAll(text) {
		der, err := certificateDER(b)
		if der == nil {
			continue
		}
		blocks++
		var cert *x509.Certificate
		if err == nil {
			cert, err = readCertificate(der)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("certificate %d of the bundle: %w", blocks, err))
			continue
		}
		certs = append(certs, cert)
	}
	if err := complete(text, typeCertificate, blocks); err != nil {
		return nil, nil, err
	}
	if len(certs) == 0 && len(faults) > 1 {
		return nil, nil, fmt.Errorf("none of the %d certificates can be used; %w", len(faults), faults[0])
	}
	if len(certs) == 0 {
		return nil, nil, faults[0]
	}
	return certs, faults, nil
}

// certificateDER returns the certificate in a block, nil for a block of another
// type. In what OpenSSL calls a trusted certificate, its trust settings follow.
func certificateDER(b *pem.Block) ([]byte, error) {
	switch b.Type {
	case typeCertificate, "X509 CERTIFICATE":
		return b.Bytes, nil
	case "TRUSTED CERTIFICATE":
		_, settings, err := parseSigned(b.Bytes)
		if err == nil && limitsTrust(settings) {
			err = errors.New("it limits what it is trusted for (TRUSTED CERTIFICATE), which is not supported; to trust it for everything, convert it: openssl x509 -in FILE -out NEWFILE")
		}
		return b.Bytes, err
	}
	return nil, nil
}

// limitsTrust reports whether settings (X509_CERT_AUX in OpenSSL's manual,
// x509(1)) say what a certificate is trusted for, or not trusted for.
func limitsTrust(settings cryptobyte.String) bool {
	settings.ReadASN1(&settings, tags.SEQUENCE)
	return settings.PeekASN1Tag(tags.SEQUENCE) || settings.PeekASN1Tag(tags.Tag(0).ContextSpecific().Constructed())
}

// ParseKey reads the first private key of a PEM text: PKCS #8, SEC 1 or
// PKCS #1. The error says what was found instead.
func ParseKey(text []byte) (crypto.Signer, error) {
	for _, b := range decodeAll(text) {
		if !strings.HasSuffix(b.Type, typeKey) {
			continue
		}
		if encrypted(b) {
			return nil, ErrEncryptedKey
		}
		key, err := parseKeyDER(b)
		if err != nil {
			if id := keyAlgorithm(b.Bytes); id != nil && algorithmNames[id.String()] != "" {
				return nil, fmt.Errorf("the %s is of a kind that is not supported here, %s; %s", b.Type, algorithmName(id), otherKey)
			}
			return nil, fmt.Errorf("the %s is damaged or of a kind not supported: %w; expected RSA, ECDSA or Ed25519", b.Type, err)
		}
		return key, nil
	}
	return nil, complete(text, typeKey, 0)
}

func parseKeyDER(b *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch b.Type {
	case typeKey:
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	case "EC " + typeKey:
		key, err = x509.ParseECPrivateKey(b.Bytes)
	case "RSA " + typeKey:
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	default:
		return nil, errors.New("unknown format")
	}
	if explicit, err := parseExplicitKey(b.Bytes); err == nil {
		return explicit, nil
	}
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}

// ParseIdentity reads what a host shows its peers: its certificate, followed in
// certPEM by any intermediate ones, and the private key that belongs to it.
func ParseIdentity(certPEM, keyPEM []byte) (tls.Certificate, error) {
	certs, err := ParseCertificates(certPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("pki: cert: %w", err)
	}
	key, err := ParseKey(keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("pki: key: %w", err)
	}
	if err := matchKey(certs[0], key); err != nil {
		return tls.Certificate{}, err
	}
	if err := checkCurve(certs[0]); err != nil {
		return tls.Certificate{}, err
	}
	id := tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, c := range certs {
		id.Certificate = append(id.Certificate, c.Raw)
	}
	return id, nil
}

// equaler is what every public key of the standard library implements.
type equaler interface{ Equal(crypto.PublicKey) bool }

// matchKey checks that cert certifies key's public half.
func matchKey(cert *x509.Certificate, key crypto.Signer) error {
	public, ok := cert.PublicKey.(equaler)
	if !ok || !public.Equal(key.Public()) {
		return fmt.Errorf("pki: the private key does not belong to the certificate of %s; give the two that were issued together", quoteSubject(cert))
	}
	return nil
}

// decodeAll decodes the PEM blocks of text, however their lines are indented
// or ended.
func decodeAll(text []byte) []*pem.Block {
	var blocks []*pem.Block
	rest := pemtext.Tidy(text)
	for {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return blocks
		}
		blocks = append(blocks, b)
	}
}

// complete explains why text has more BEGIN lines of a type than blocks were read.
func complete(text []byte, want string, got int) error {
	tidied := pemtext.Tidy(text)
	begun := bytes.Count(tidied, []byte("-----BEGIN "+want+"-----"))
	if want == typeCertificate {
		begun += bytes.Count(tidied, []byte("-----BEGIN TRUSTED CERTIFICATE-----")) + bytes.Count(tidied, []byte("-----BEGIN X509 CERTIFICATE-----"))
	}
	switch {
	case begun > got:
		return fmt.Errorf("%s %d of %d is cut short or damaged: expected a block from its BEGIN line to its END line; copy it again, with both lines", want, got+1, begun)
	case got > 0:
		return nil
	}
	return fmt.Errorf("expected a PEM block \"-----BEGIN %s-----\", found %s", want, pemtext.Found(text, want))
}
