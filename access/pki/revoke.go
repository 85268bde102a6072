package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// CheckList checks that a list can replace another: it has not expired, and if
// any of authorities has the name of its issuer, one of that name signed it. The
// error is a *ListError, except for a list that expired.
func CheckList(list *x509.RevocationList, authorities []*x509.Certificate, now time.Time) error {
	if !list.NextUpdate.IsZero() && now.After(list.NextUpdate) {
		return fmt.Errorf("it expired at %s: sign it anew (culvert client revoke, easyrsa gen-crl, openssl ca -gencrl)", stamp(list.NextUpdate))
	}
	if now.Before(list.ThisUpdate) {
		return &ListError{List: list, Now: now}
	}
	var wrong error
	for _, a := range authorities {
		if !sameName(list.RawIssuer, a.RawSubject) {
			continue
		}
		err := checkListSignature(list, a)
		if err == nil {
			return nil
		}
		wrong = &ListError{List: list, Now: now, Err: err}
	}
	return wrong
}

// Revoke returns a's list with more certificates on it, as PEM: those of before,
// which is a's own list or nil, and certs, each once. It is in force until the
// authority ends, since whoever reads it gets it from the one who signs it: an
// earlier end would shut everybody out one day, and nobody sooner.
func (a *Authority) Revoke(now time.Time, before *x509.RevocationList, certs ...*x509.Certificate) ([]byte, error) {
	return a.signList(now, now.Add(-backdate), before, certs...)
}

func (a *Authority) createList(list *x509.RevocationList) ([]byte, error) {
	if remote, ok := a.key.(Remote); ok {
		return signListRemotely(list, a.cert, remote)
	}
	return x509.CreateRevocationList(rand.Reader, list, a.listIssuer(), a.key)
}

// listIssuer is the authority's certificate as crypto/x509 wants that of a list's issuer:
// with a key usage and an identifier of the key, which those of old authorities lack.
func (a *Authority) listIssuer() *x509.Certificate {
	issuer := *a.cert
	if issuer.KeyUsage == 0 {
		issuer.KeyUsage = x509.KeyUsageCRLSign
	}
	if len(issuer.SubjectKeyId) == 0 {
		id := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
		issuer.SubjectKeyId = id[:20]
	}
	return &issuer
}

// Listed reports whether a list revokes a serial number; a nil list revokes none.
func Listed(list *x509.RevocationList, serial *big.Int) bool {
	return list != nil && slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
		return e.ReasonCode != removeFromCRL && e.SerialNumber.Cmp(serial) == 0
	})
}

// listNumber returns the number of a list (RFC 5280, section 5.2.3), 0 if it has
// none.
func listNumber(list *x509.RevocationList) *big.Int {
	if list.Number != nil {
		return new(big.Int).Set(list.Number)
	}
	if full, err := x509.ParseRevocationList(list.Raw); err == nil && full.Number != nil {
		return full.Number
	}
	return new(big.Int)
}

// EncodeCertificate returns a certificate as PEM.
func EncodeCertificate(cert *x509.Certificate) []byte { return certPEM(cert) }

// EncodeList returns a revocation list as PEM.
func EncodeList(list *x509.RevocationList) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typeCRL, Bytes: list.Raw})
}
