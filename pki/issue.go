package pki

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Pair is a new certificate and its private key, both as PEM; the key is
// unprotected PKCS #8.
type Pair struct {
	CertPEM, KeyPEM []byte
	NotAfter        time.Time // the last moment it is valid
}

// IssueServer makes a server's key and certificate: common name name, and each
// of hosts (DNS names and IP addresses) as an alternative name. A lifetime of 0
// means LeafLifetime; it is cut to the authority's own end.
func (a *Authority) IssueServer(rand io.Reader, now time.Time, name string, lifetime time.Duration, hosts ...string) (Pair, error) {
	return a.issue(rand, now, name, lifetime, func(t *x509.Certificate) {
		// Clients before OpenVPN 2.4.1 and OpenVPN 3 want one of a0 or
		// 88 hex as key usage of a server; the latter is the one that
		// fits an elliptic curve key (RFC 5480, section 3).
		t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		for _, h := range hosts {
			if ip, err := netip.ParseAddr(h); err == nil {
				t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
			} else {
				t.DNSNames = append(t.DNSNames, h)
			}
		}
	})
}

// IssueClient makes a client's key and certificate with common name name. A
// lifetime of 0 means LeafLifetime; it is cut to the authority's own end.
func (a *Authority) IssueClient(rand io.Reader, now time.Time, name string, lifetime time.Duration) (Pair, error) {
	return a.issue(rand, now, name, lifetime, func(t *x509.Certificate) {
		t.KeyUsage = x509.KeyUsageDigitalSignature
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

func (a *Authority) issue(rand io.Reader, now time.Time, name string, lifetime time.Duration, shape func(*x509.Certificate)) (Pair, error) {
	if err := checkTime(a.cert, now); err != nil {
		return Pair{}, fmt.Errorf("pki: the authority cannot sign: %s", Explain(err, now))
	}
	t, err := newTemplate(rand, now, name, orDefault(lifetime, LeafLifetime))
	if err != nil {
		return Pair{}, fmt.Errorf("pki: issue %q: %w", name, err)
	}
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	t.BasicConstraintsValid = true
	shape(t)
	key, err := newKey(rand, t)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: issue %q: %w", name, err)
	}
	cert, err := sign(rand, t, a.cert, key.Public(), a.key)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: issue %q: %w", name, err)
	}
	pemKey, err := keyPEM(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{CertPEM: certPEM(cert), KeyPEM: pemKey, NotAfter: cert.NotAfter}, nil
}
