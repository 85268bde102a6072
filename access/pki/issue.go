package pki

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"
)

// Pair is a new certificate and its private key, both as PEM; the key is
// unprotected PKCS #8.
type Pair struct {
	CertPEM, KeyPEM []byte
	NotAfter        time.Time // the last moment it is valid
}

// IssueServer makes a server's key and certificate with common name name, and each
// of hosts (DNS names and IP addresses) as an alternative name. A lifetime of 0
// means LeafLifetime; it is cut to the authority's own end.
func (a *Authority) IssueServer(rand io.Reader, now time.Time, name string, lifetime time.Duration, hosts ...string) (Pair, error) {
	return a.issue(rand, now, name, lifetime, func(t *x509.Certificate) {
		// Clients before OpenVPN 2.4.1 and OpenVPN 3 want a server's key usage to
		// be a0 or 88 in hexadecimal. The latter fits an elliptic curve key
		// (RFC 5480, section 3).
		t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		addNames(t, hosts)
	})
}

// addNames adds those of hosts that t does not have yet.
func addNames(t *x509.Certificate, hosts []string) {
	for _, h := range hosts {
		ip, err := netip.ParseAddr(h)
		switch {
		case t.VerifyHostname(h) == nil: // it is there already
		case err == nil:
			t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
		default:
			t.DNSNames = append(t.DNSNames, h)
		}
	}
}

// Renew makes a certificate like one that this authority issued, with further
// hosts as alternative names. The key stays the same, so the Pair has none. A
// lifetime of 0 means LeafLifetime; it is cut to the authority's own end.
func (a *Authority) Renew(rand io.Reader, now time.Time, old *x509.Certificate, lifetime time.Duration, hosts ...string) (Pair, error) {
	if err := old.CheckSignatureFrom(a.cert); err != nil {
		return Pair{}, fmt.Errorf("pki: renew %q: the certificate is not of %s: %w", old.Subject.CommonName, quoteSubject(a.cert), err)
	}
	return a.Reissue(rand, now, old, nil, lifetime, hosts...)
}

// Reissue is Renew for a certificate of any authority. With the key that belongs to it,
// or nil, an authority elsewhere can be asked for a certificate of its own.
func (a *Authority) Reissue(rand io.Reader, now time.Time, old *x509.Certificate, subject crypto.Signer, lifetime time.Duration, hosts ...string) (Pair, error) {
	return a.again(rand, now, old, subject, lifetime, func(*x509.Certificate) {}, hosts...)
}

// IssueClient makes a client's key and certificate with common name name. A
// lifetime of 0 means LeafLifetime; it is cut to the authority's own end.
func (a *Authority) IssueClient(rand io.Reader, now time.Time, name string, lifetime time.Duration) (Pair, error) {
	return a.issue(rand, now, name, lifetime, func(t *x509.Certificate) {
		t.KeyUsage = x509.KeyUsageDigitalSignature
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// deviceUnit is the organizational unit in the certificates of users' devices, by which a
// server knows them whose records it has lost.
const deviceUnit = "device"

// IssueDevice is IssueClient for the device of a user that the server keeps a record of.
func (a *Authority) IssueDevice(rand io.Reader, now time.Time, name string, lifetime time.Duration) (Pair, error) {
	return a.issue(rand, now, name, lifetime, func(t *x509.Certificate) {
		t.KeyUsage = x509.KeyUsageDigitalSignature
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		t.Subject.OrganizationalUnit = []string{deviceUnit}
	})
}

// IsDevice reports whether a certificate is that of a user's device.
func IsDevice(cert *x509.Certificate) bool {
	return slices.Contains(cert.Subject.OrganizationalUnit, deviceUnit)
}

func (a *Authority) issue(rand io.Reader, now time.Time, name string, lifetime time.Duration, shape func(*x509.Certificate)) (Pair, error) {
	t, err := a.template(rand, now, name, lifetime)
	if err != nil {
		return Pair{}, err
	}
	shape(t)
	key, err := newKey(rand, t)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: issue %q: %w", name, err)
	}
	cert, err := signFor(rand, t, a.cert, key.Public(), a.key, key)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: issue %q: %w", name, err)
	}
	pemKey, err := keyPEM(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{CertPEM: certPEM(cert), KeyPEM: pemKey, NotAfter: cert.NotAfter}, nil
}

// template returns a certificate to be signed, without usages and key.
func (a *Authority) template(rand io.Reader, now time.Time, name string, lifetime time.Duration) (*x509.Certificate, error) {
	if err := checkTime(a.cert, now); err != nil {
		return nil, fmt.Errorf("pki: the authority cannot sign: %s", Explain(err, now))
	}
	t, err := newTemplate(rand, now, name, orDefault(lifetime, LeafLifetime))
	if err != nil {
		return nil, fmt.Errorf("pki: issue %q: %w", name, err)
	}
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	t.BasicConstraintsValid = true
	return t, nil
}
