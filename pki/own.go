package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// OwnError says what OpenVPN, with OpenSSL, refuses of a certificate that is
// read here.
type OwnError struct {
	Cert *x509.Certificate
	Why  string // and what to do
}

func (e *OwnError) Error() string {
	return fmt.Sprintf("the certificate of %s: %s", quoteSubject(e.Cert), e.Why)
}

// CheckOwn looks for what peers will refuse of a certificate that is shown to
// them, whichever authority they trust, and of those of others that it leads to.
func CheckOwn(own *x509.Certificate, others []*x509.Certificate, usage Usage, now time.Time) error {
	if err := checkTime(own, now); err != nil {
		return err
	}
	if why := ownFault(own, usage); why != "" {
		return &OwnError{own, why}
	}
	if issuer := signerOf(own, others); issuer != nil && issuer != own {
		return checkTime(issuer, now)
	}
	return nil
}

// signerOf is the certificate of others whose key signed cert, the one that ends
// last; nil where there is none.
func signerOf(cert *x509.Certificate, others []*x509.Certificate) (signer *x509.Certificate) {
	for _, by := range others {
		if !sameName(cert.RawIssuer, by.RawSubject) || signer != nil && !by.NotAfter.After(signer.NotAfter) {
			continue
		}
		if checkSignature(cert, by, true) == nil {
			signer = by
		}
	}
	return signer
}

// ownFault says what is wrong with how a certificate was made; "" where nothing
// is. Its issuer's signature means nothing where it is its own.
func ownFault(own *x509.Certificate, usage Usage) string {
	var weak *WeakError
	switch {
	case string(own.RawSubject) != string(own.RawIssuer) && errors.As(CheckHash(own), &weak):
		return fmt.Sprintf("it is signed over %v, which can be forged and is refused; issue it again with SHA-256. Until then a peer %s with `tls-cert-profile insecure` takes it", weak.Hash, weak.taker())
	case emptyName(own.RawSubject):
		return "its subject is empty; issue it again with a common name"
	case len(own.ExtKeyUsage)+len(own.UnknownExtKeyUsage) > 0 && !slices.Contains(own.ExtKeyUsage, usage.eku()):
		return fmt.Sprintf("it is for %s, and this end needs one for a %v; issue it again with EKU %s", statedUsages(own), usage, ekuName(usage))
	}
	return unreadByAll(own)
}

// unreadByAll says what OpenSSL, too, does not read of what crypto/x509 refuses.
func unreadByAll(own *x509.Certificate) string {
	_, err := x509.ParseCertificate(own.Raw)
	if err == nil || !strings.Contains(err.Error(), "invalid ECDSA parameters") && !strings.Contains(err.Error(), "invalid UTF-8 string") {
		return ""
	}
	return Reason(err)
}

// statedUsages is usages, but for one that OpenSSL does not count.
func statedUsages(own *x509.Certificate) string {
	if slices.Contains(own.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return "any purpose (which OpenVPN does not count)"
	}
	return usages(own)
}

func ekuName(usage Usage) string {
	if usage == ServerUsage {
		return "serverAuth"
	}
	return "clientAuth"
}

func emptyName(der []byte) bool {
	name := cryptobyte.String(der)
	return name.ReadASN1(&name, tags.SEQUENCE) && name.Empty()
}

// checkCurve refuses a key of a peer that TLS does not offer.
func checkCurve(own *x509.Certificate) error {
	key, ok := own.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P224() {
		return nil
	}
	return fmt.Errorf("the certificate of %s cannot be used here: its key is on the curve P-224, which no version of TLS here has; %s", quoteSubject(own), otherKey)
}
