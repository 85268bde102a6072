package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
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
	// Key signs, wherever it is: a Remote if it is elsewhere. nil: a fresh ECDSA P-256
	// key.
	Key crypto.Signer
}

// Authority signs certificates. Its own certificate allows no authority below
// it. An Authority may be used from several goroutines, as far as its key may.
type Authority struct {
	cert  *x509.Certificate
	above []*x509.Certificate // who signed it, in order, as far as is known; without itself
	key   crypto.Signer
}

// NewAuthority makes an authority, valid from an hour before now. The serial number comes from rand; the key and the signature
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
	key := o.Key
	if key == nil {
		key, err = newKey(rand, template)
	} else {
		template.SubjectKeyId, err = keyIdentifier(key.Public())
	}
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
// private key, as OpenAuthority does.
func LoadAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	key, err := ParseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: authority's key: %w", err)
	}
	return OpenAuthority(certPEM, key)
}

// OpenAuthority is the authority of a key, wherever that is, by the PEM of its
// certificate. The certificates of those above it, and of other authorities, may stand
// there too, in any order. It refuses a certificate that may not sign others and a key
// that belongs to none of them.
func OpenAuthority(certPEM []byte, key crypto.Signer) (*Authority, error) {
	certs, err := ParseCertificates(certPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: authority's certificate: %w", err)
	}
	cert := certs[0]
	for _, c := range certs[1:] {
		if matchKey(cert, key) != nil {
			cert = c
		}
	}
	if matchKey(cert, key) != nil {
		cert = certs[0]
	}
	// Without the extension, a key may be used for anything (RFC 5280, section 4.2.1.3).
	if !cert.BasicConstraintsValid || !cert.IsCA || cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, fmt.Errorf("pki: %s is not an authority's certificate: it may not sign others; give the authority's own", quoteSubject(cert))
	}
	if err := matchKey(cert, key); err != nil {
		return nil, err
	}
	return &Authority{cert: cert, above: Issuers(cert, certs), key: key}, nil
}

// Issuers returns who of others signed cert, who signed them, and so on.
func Issuers(cert *x509.Certificate, others []*x509.Certificate) (above []*x509.Certificate) {
	for len(above) < len(others) && !signedItself(cert) {
		by := signerOf(cert, others)
		if by == nil || by == cert {
			break
		}
		above = append(above, by)
		cert = by
	}
	return above
}

func signedItself(cert *x509.Certificate) bool {
	return sameName(cert.RawIssuer, cert.RawSubject) && checkSignature(cert, cert, true) == nil
}

// Rooted fails unless the certificates of those above the authority are known up to one
// that signed itself: OpenVPN trusts no chain that ends before.
func (a *Authority) Rooted() error {
	last := a.cert
	if n := len(a.above); n > 0 {
		last = a.above[n-1]
	}
	if signedItself(last) {
		return nil
	}
	return fmt.Errorf("pki: the certificate of %s is signed by another authority, whose certificate is missing; append those of the authorities above it, up to the root's", quoteSubject(last))
}

// Certificate is the authority's own certificate; not to be changed.
func (a *Authority) Certificate() *x509.Certificate { return a.cert }

// CertPEM is what peers trust: the authority's certificate, followed by those above it.
func (a *Authority) CertPEM() []byte {
	text := certPEM(a.cert)
	for _, c := range a.above {
		text = append(text, certPEM(c)...)
	}
	return text
}

// Issued reports whether the authority signed a certificate.
func (a *Authority) Issued(cert *x509.Certificate) bool { return IssuedBy(cert, a.cert) }

// IssuedBy reports whether an authority signed a certificate.
func IssuedBy(cert, authority *x509.Certificate) bool {
	return sameName(cert.RawIssuer, authority.RawSubject) && checkSignature(cert, authority, true) == nil
}

// KeyPEM is the authority's private key as unprotected PKCS #8. It fails for a key that
// is elsewhere.
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

// newKey makes the key pair of template and sets its key identifier.
func newKey(rand io.Reader, template *x509.Certificate) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	template.SubjectKeyId, err = keyIdentifier(key.Public())
	return key, err
}

// keyIdentifier is the identifier of a public key: its SHA-256, cut to 160 bits (RFC 7093,
// section 2).
func keyIdentifier(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	id := sha256.Sum256(info.Key.Bytes)
	return id[:20], nil
}

// sign has key, that of parent, sign a certificate for a public key.
func sign(rand io.Reader, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	return signFor(rand, template, parent, public, key, nil)
}

// signFor is sign; a Remote is also shown a request by the subject, the private half of
// the public key. nil: that is not here.
func signFor(rand io.Reader, template, parent *x509.Certificate, public crypto.PublicKey, key, subject crypto.Signer) (*x509.Certificate, error) {
	if remote, ok := key.(Remote); ok {
		return signRemotely(rand, template, parent, public, remote, subject)
	}
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
