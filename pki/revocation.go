package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"
)

const typeCRL = "X509 CRL"

// RevokedError says that a certificate was taken back by its authority.
type RevokedError struct{ Cert *x509.Certificate }

func (e *RevokedError) Error() string {
	return fmt.Sprintf("the certificate of %s, serial number %d, is revoked", quoteSubject(e.Cert), e.Cert.SerialNumber)
}

// ListError says that a revocation list cannot be relied on.
type ListError struct {
	List *x509.RevocationList
	Now  time.Time
	Err  error // its signature is wrong; nil: its time is
}

func (e *ListError) Error() string {
	who := e.List.Issuer.String()
	switch {
	case e.Err != nil:
		return fmt.Sprintf("the revocation list (crl-verify) of %q is not signed by the authority of that name: %v; make it anew with that authority's key", who, e.Err)
	case e.Now.Before(e.List.ThisUpdate):
		return fmt.Sprintf("the revocation list (crl-verify) of %q is not yet valid: this host's clock says %s, the list begins at %s; set the clock that is wrong",
			who, stamp(e.Now), stamp(e.List.ThisUpdate))
	}
	return fmt.Sprintf("the revocation list (crl-verify) of %q expired at %s: it is the list that is too old, not the peer's certificate, and nobody is let in until it is signed anew (easyrsa gen-crl, openssl ca -gencrl) and put in its place; no restart is needed",
		who, stamp(e.List.NextUpdate))
}

func (e *ListError) Unwrap() error { return e.Err }

// ParseRevocationLists reads every revocation list of a PEM text; there is at
// least one where it returns no error.
func ParseRevocationLists(text []byte) ([]*x509.RevocationList, error) {
	var lists []*x509.RevocationList
	for _, b := range decodeAll(text) {
		if b.Type != typeCRL {
			continue
		}
		list, err := x509.ParseRevocationList(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("revocation list %d is damaged: %w; make it anew", len(lists)+1, err)
		}
		lists = append(lists, list)
	}
	if err := complete(text, typeCRL, len(lists)); err != nil {
		return nil, err
	}
	return lists, nil
}

// CheckRevoked looks every certificate of a verified chain up in the list of
// its issuer, the certificate after it; the last one is trusted by itself. A
// certificate whose issuer has no list passes. The error is a *RevokedError or
// a *ListError.
func CheckRevoked(chain []*x509.Certificate, lists []*x509.RevocationList, now time.Time) error {
	for i := 0; i+1 < len(chain); i++ {
		for _, list := range lists {
			if !bytes.Equal(list.RawIssuer, chain[i+1].RawSubject) {
				continue
			}
			if err := checkList(chain[i], chain[i+1], list, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkList(cert, issuer *x509.Certificate, list *x509.RevocationList, now time.Time) error {
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return &ListError{List: list, Now: now, Err: err}
	}
	for _, entry := range list.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return &RevokedError{Cert: cert}
		}
	}
	if now.Before(list.ThisUpdate) || !list.NextUpdate.IsZero() && now.After(list.NextUpdate) {
		return &ListError{List: list, Now: now}
	}
	return nil
}
