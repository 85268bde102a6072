package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Fingerprint is the SHA-256 of a certificate as OpenSSL writes it: 32 bytes
// in upper case hexadecimal with colons between.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// FingerprintError reports a certificate that is none of those to accept.
type FingerprintError struct{ Cert *x509.Certificate }

func (e *FingerprintError) Error() string {
	return fmt.Sprintf("certificate of %s is not accepted by peer-fingerprint; if it is the right one, add the line: peer-fingerprint %s",
		quoteSubject(e.Cert), Fingerprint(e.Cert))
}

// CheckFingerprint is `peer-fingerprint`: the SHA-256 of the first certificate
// of chain, in lower case hexadecimal, must be one of accepted. An empty list
// accepts any. The error is a *FingerprintError if there is a certificate.
func CheckFingerprint(chain []*x509.Certificate, accepted []string) error {
	if len(accepted) == 0 {
		return nil
	}
	if len(chain) == 0 {
		return errNoCertificate
	}
	sum := sha256.Sum256(chain[0].Raw)
	if !slices.Contains(accepted, hex.EncodeToString(sum[:])) {
		return &FingerprintError{Cert: chain[0]}
	}
	return nil
}

// SelfSigned makes a key and a self-signed certificate, for peers that know it by
// its fingerprint. It is good for both ends of TLS, and for as long as an
// authority's.
func SelfSigned(rand io.Reader, now time.Time, name string) (Pair, error) {
	t, err := newTemplate(rand, now, name, AuthorityLifetime)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: self-signed %q: %w", name, err)
	}
	t.BasicConstraintsValid = true
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key, err := newKey(rand, t)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: self-signed %q: %w", name, err)
	}
	cert, err := sign(rand, t, t, key.Public(), key)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: self-signed %q: %w", name, err)
	}
	pemKey, err := keyPEM(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{CertPEM: certPEM(cert), KeyPEM: pemKey, NotAfter: cert.NotAfter}, nil
}
