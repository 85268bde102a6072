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
)

// The types of PEM block read and written here.
const (
	typeCertificate = "CERTIFICATE"
	typeKey         = "PRIVATE KEY"
)

// ErrEncryptedKey is wrapped by ParseKey's error for a key under a password.
var ErrEncryptedKey = errors.New("the private key is protected by a password")

// ParseCertificates reads every certificate of a PEM bundle, in order; there
// is at least one where it returns no error. Text around the blocks, such as
// `openssl x509 -text` writes, indented lines, either line ending and blocks
// of other types are skipped. The error says what was found instead.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	blocks := decodeAll(text)
	for _, b := range blocks {
		if b.Type != typeCertificate && b.Type != "X509 CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the bundle is damaged or of a kind not supported: %w; get a fresh copy", len(certs)+1, err)
		}
		certs = append(certs, cert)
	}
	if err := complete(text, typeCertificate, len(certs)); err != nil {
		return nil, err
	}
	return certs, nil
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
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", key)
	}
	return signer, nil
}

// ParseIdentity reads what a peer shows of itself: its certificate, followed
// in certPEM by any intermediate ones, and the private key that belongs to it.
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
	id := tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, c := range certs {
		id.Certificate = append(id.Certificate, c.Raw)
	}
	return id, nil
}

// matchKey checks that cert certifies key's public half.
func matchKey(cert *x509.Certificate, key crypto.Signer) error {
	public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Public()) {
		return fmt.Errorf("pki: the private key does not belong to the certificate of %s; give the two that were issued together", quoteSubject(cert))
	}
	return nil
}

// decodeAll decodes the PEM blocks of text, however their lines are indented
// or ended.
func decodeAll(text []byte) []*pem.Block {
	var blocks []*pem.Block
	rest := tidy(text)
	for {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return blocks
		}
		blocks = append(blocks, b)
	}
}

// tidy strips blanks at both ends of every line.
func tidy(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	out := make([]byte, 0, len(text)+1)
	for line := range bytes.Lines(text) {
		out = append(out, bytes.Trim(line, " \t\r\n")...)
		out = append(out, '\n')
	}
	return out
}

// complete explains why fewer blocks of a type were read than text begins.
func complete(text []byte, want string, got int) error {
	begun := bytes.Count(tidy(text), []byte("-----BEGIN "+want+"-----"))
	switch {
	case begun > got:
		return fmt.Errorf("%s %d of %d is cut short or damaged: no whole block from its BEGIN line to its END line; copy it again, with both lines", want, got+1, begun)
	case got > 0:
		return nil
	}
	return fmt.Errorf("expected a PEM block \"-----BEGIN %s-----\", found %s", want, found(text))
}

// found names what stands in text where PEM of another kind was expected. It
// quotes nothing of it: it may be a secret.
func found(text []byte) string {
	text = bytes.TrimSpace(text)
	_, begin, isPEM := bytes.Cut(tidy(text), []byte("-----BEGIN "))
	kind, _, whole := bytes.Cut(begin, []byte("-----"))
	switch {
	case len(text) == 0:
		return "nothing: it is empty"
	case isPEM && whole && len(kind) < 60:
		return fmt.Sprintf("a PEM block of type %q", kind)
	case text[0] == 0x30 && !isText(text):
		return "binary data (DER or PKCS #12); convert it to PEM by openssl x509 -inform der, openssl pkey -inform der or openssl pkcs12"
	case text[0] == '<':
		return "HTML or XML: a web page was saved in its place"
	case isText(text):
		return fmt.Sprintf("%d bytes of other text", len(text))
	}
	return fmt.Sprintf("%d bytes of binary data", len(text))
}

func isText(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n\f", r) || r == '\uFFFD' }) < 0
}
