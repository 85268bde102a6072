package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
	"unicode/utf8"
)

// Default lifetimes of certificates.
const (
	day = 24 * time.Hour
	// AuthorityLifetime is an authority's: ten years.
	AuthorityLifetime = 3652 * day
	// LeafLifetime is a server's or client's: 825 days, the longest that
	// Apple's platforms accept from a private authority.
	LeafLifetime = 825 * day
)

// backdate is how long before its issue a certificate is already valid, so
// that a peer whose clock is behind accepts it.
const backdate = time.Hour

// maxName is the upper bound of a common name in characters (RFC 5280,
// ub-common-name).
const maxName = 64

// Options say how to make an authority.
type Options struct {
	Name     string        // common name, 1 to 64 characters
	Lifetime time.Duration // 0: AuthorityLifetime
}

// Authority signs certificates. Its own certificate allows no authority below
// it. An Authority may be used from several goroutines.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority makes an authority with a fresh ECDSA P-256 key, valid from an
// hour before now. The serial number comes from rand; the key and the signature
// use the system's randomness, as all of Go's cryptography does.
func NewAuthority(rand io.Reader, now time.Time, o Options) (*Authority, error) {
	template, err := newTemplate(rand, now, o.Name, orDefault(o.Lifetime, AuthorityLifetime))
	if err != nil {
		return nil, fmt.Errorf("pki: new authority: %w", err)
	}
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.MaxPathLenZero = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := newKey(rand, template)
	if err != nil {
		return nil, fmt.Errorf("pki: new authority: %w", err)
	}
	cert, err := sign(rand, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("pki: new authority: %w", err)
	}
	return &Authority{cert: cert, key: key}, nil
}

// LoadAuthority reads an authority back from the PEM of its certificate and
// private key. It refuses a certificate that may not sign others and a key that
// belongs to another certificate.
func LoadAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	certs, err := ParseCertificates(certPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: authority's certificate: %w", err)
	}
	key, err := ParseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: authority's key: %w", err)
	}
	cert := certs[0]
	if !cert.BasicConstraintsValid || !cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, fmt.Errorf("pki: %s is not an authority's certificate: it may not sign others; give the authority's own", quoteSubject(cert))
	}
	if err := matchKey(cert, key); err != nil {
		return nil, err
	}
	return &Authority{cert: cert, key: key}, nil
}

// Certificate is the authority's own certificate; not to be changed.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CertPEM is the authority's certificate, which peers trust.
func (a *Authority) CertPEM() []byte { return certPEM(a.cert) }

// KeyPEM is the authority's private key as unprotected PKCS #8.
func (a *Authority) KeyPEM() ([]byte, error) { return keyPEM(a.key) }

// newTemplate holds what every certificate shares: name, serial and validity.
func newTemplate(rand io.Reader, now time.Time, name string, lifetime time.Duration) (*x509.Certificate, error) {
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName || !utf8.ValidString(name) {
		return nil, fmt.Errorf("name %.80q: expected 1 to %d characters of UTF-8", name, maxName)
	}
	if lifetime < 0 {
		return nil, fmt.Errorf("lifetime %v: expected a positive duration", lifetime)
	}
	serial, err := newSerial(rand)
	if err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-backdate),
		NotAfter:     now.Add(lifetime),
	}, nil
}

// newSerial draws 128 random bits.
func newSerial(rand io.Reader) (*big.Int, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return nil, fmt.Errorf("serial number: %w", err)
	}
	serial := new(big.Int).SetBytes(b[:])
	if serial.Sign() == 0 {
		return nil, errors.New("serial number: the source of randomness gives only zeros")
	}
	return serial, nil
}

// newKey makes the key pair of template and sets its key identifier: SHA-256
// of the public key, cut to 160 bits (RFC 7093, section 2).
func newKey(rand io.Reader, template *x509.Certificate) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	id := sha256.Sum256(point)
	template.SubjectKeyId = id[:20]
	return key, nil
}

func sign(rand io.Reader, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return x509.ParseCertificate(der)
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

func certPEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: cert.Raw})
}

func keyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("pki: private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}), nil
}
