package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CheckOwn looks for reasons why peers will refuse a certificate that is shown to
// them, whichever authority they trust, or those of others that it leads to. The
// signature of a self-signed certificate does not matter.
func CheckOwn(own *x509.Certificate, others []*x509.Certificate, usage Usage, now time.Time) error {
	if err := checkTime(own, now); err != nil {
		return err
	}
	var weak *WeakError
	switch {
	case string(own.RawSubject) != string(own.RawIssuer) && errors.As(CheckHash(own), &weak):
		return &ownWeakError{weak}
	case CommonName(own) == "":
		return &NamelessError{Cert: own}
	}
	if err := readByNone(own); err != nil {
		return err
	}
	if err := CheckPurpose(own, usage); err != nil {
		return err
	}
	if issuer := signerOf(own, others); issuer != nil && issuer != own {
		return checkTime(issuer, now)
	}
	return nil
}

// ownWeakError is a WeakError about a certificate that is shown to peers.
type ownWeakError struct{ weak *WeakError }

func (e *ownWeakError) Error() string {
	who := "of either program"
	if !e.weak.offered() {
		who = "that is OpenVPN"
	}
	return fmt.Sprintf("the certificate of %s is signed over %v, which can be forged and is refused; issue it again with SHA-256. Until then a peer %s with `tls-cert-profile insecure` takes it",
		quoteSubject(e.weak.Cert), e.weak.Hash, who)
}

// readByNone fails for a certificate that neither crypto/x509 nor OpenSSL reads.
func readByNone(own *x509.Certificate) error {
	_, err := x509.ParseCertificate(own.Raw)
	if err == nil || !strings.Contains(err.Error(), "invalid ECDSA parameters") && !strings.Contains(err.Error(), "invalid UTF-8 string") {
		return nil
	}
	return fmt.Errorf("no peer can read the certificate of %s: %s", quoteSubject(own), Reason(err))
}

// signerOf returns the one of others whose key signed cert; of several, the one that
// ends last; nil if there is none.
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

// checkCurve refuses a key on a curve that TLS does not offer.
func checkCurve(own *x509.Certificate) error {
	key, ok := own.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P224() {
		return nil
	}
	return fmt.Errorf("the certificate of %s cannot be used here: its key is on the curve P-224, which TLS here does not support; %s", quoteSubject(own), otherKey)
}
