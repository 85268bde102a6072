package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// MaxRequest is the longest request for a certificate that is read, in bytes of DER.
const MaxRequest = 2048

// NewRequest makes a key for a certificate of a common name, and the request for it
// (PKCS #10) in DER; the key is PEM.
func NewRequest(rand io.Reader, name string) (request, keyText []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, nil, fmt.Errorf("pki: private key: %w", err)
	}
	if request, err = RequestFor(rand, key, name); err != nil {
		return nil, nil, err
	}
	keyText, err = keyPEM(key)
	return request, keyText, err
}

// RequestFor is NewRequest for a key that is there already. It fails for a key that
// ParseRequest refuses.
func RequestFor(rand io.Reader, key crypto.Signer, name string) (request []byte, err error) {
	if err := checkRequested(key.Public()); err != nil {
		return nil, err
	}
	request, err = x509.CreateCertificateRequest(rand, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, fmt.Errorf("pki: certificate request: %w", err)
	}
	return request, nil
}

// ParseRequest reads a request from a stranger. It returns the key, which whoever signed
// the request has; all that the request says besides is the common name, which is not to be
// trusted.
func ParseRequest(der []byte) (key crypto.PublicKey, name string, err error) {
	if len(der) > MaxRequest {
		return nil, "", fmt.Errorf("pki: a certificate request of %d bytes: expected at most %d", len(der), MaxRequest)
	}
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, "", fmt.Errorf("pki: certificate request: %w", err)
	}
	if len(r.Extensions) > 0 || len(r.Subject.Names) != 1 || r.Subject.CommonName == "" {
		return nil, "", errors.New("pki: a certificate request for more than a common name")
	}
	if err := checkRequested(r.PublicKey); err != nil {
		return nil, "", err
	}
	if err := r.CheckSignature(); err != nil {
		return nil, "", fmt.Errorf("pki: certificate request: it is not signed by its own key: %w", err)
	}
	return r.PublicKey, r.Subject.CommonName, nil
}

// checkRequested refuses keys that are weak, or a burden to check.
func checkRequested(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= 2048 && bits <= 4096 {
			return nil
		}
	}
	return errors.New("pki: a certificate request for another key than ECDSA (P-256, P-384, P-521), Ed25519 or RSA of 2048 to 4096 bits")
}

// Certify makes a client's next certificate: with the subject of old, one of its
// certificates, for the key of a request. A lifetime as that of IssueClient. The request is
// refused unless it is for old's name.
func (a *Authority) Certify(rand io.Reader, now time.Time, old *x509.Certificate, request []byte) (Pair, error) {
	name := old.Subject.CommonName
	fail := func(err error) (Pair, error) { return Pair{}, fmt.Errorf("pki: certify %q: %w", name, err) }
	key, asked, err := ParseRequest(request)
	if err != nil {
		return fail(err)
	}
	if asked != name || old.IsCA || slices.Contains(old.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return fail(errors.New("the request is for another name, or that of no client"))
	}
	t, err := a.template(rand, now, name, 0)
	if err != nil {
		return Pair{}, err
	}
	t.RawSubject = old.RawSubject // with its attributes and encodings, which Subject has not all
	t.Subject, t.KeyUsage, t.ExtKeyUsage = old.Subject, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if t.SubjectKeyId, err = keyIdentifier(key); err != nil {
		return fail(err)
	}
	var cert *x509.Certificate
	if remote, ok := a.key.(Remote); ok {
		cert, err = askRemote(rand, t, a.cert, key, &asking{Remote: remote, question: Question{Request: request}})
	} else {
		cert, err = sign(rand, t, a.cert, key, a.key)
	}
	if err != nil {
		return fail(err)
	}
	return Pair{CertPEM: certPEM(cert), NotAfter: cert.NotAfter}, nil
}
