package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"
)

// Term is how long a certificate or a revocation list is in force, and how long the
// authority that signed it is.
type Term struct {
	Begins, Ends time.Time
	Authority    time.Time // when the authority ends
}

// longestLeft is how long before its end a certificate is renewed at the earliest.
const longestLeft = LeafLifetime / 3

// Due returns when to renew what has this term, for a host whose clock says now: when a
// third of the term is left, and at most 275 days; at once if it begins only after now,
// which was signed by a clock that was ahead. It is zero where renewing wins nothing,
// since the authority ends no later.
func (t Term) Due(now time.Time) time.Time {
	switch {
	case now.Before(t.Begins):
		return now
	case !t.Ends.Before(t.Authority):
		return time.Time{}
	}
	return t.Ends.Add(-min(t.Ends.Sub(t.Begins)/3, longestLeft))
}

// Prolong makes a certificate like one that this authority issued, as Renew does, for a
// host whose clock may be wrong. The new one is in force as long as the old one was, and
// at most LeafLifetime, half of that before now: one that a clock made which was ahead by less is good when the
// clock has been set. If the old one begins only after now, one of the two clocks was
// wrong: the new one begins now, and ends as the old one does. What an authority elsewhere
// makes begins now: how long it is in force, that one decides. subject is as for Reissue.
func (a *Authority) Prolong(rand io.Reader, now time.Time, old *x509.Certificate, subject crypto.Signer, hosts ...string) (Pair, error) {
	if _, elsewhere := a.key.(Remote); elsewhere {
		return a.Reissue(rand, now, old, subject, 0, hosts...)
	}
	half := min(old.NotAfter.Sub(old.NotBefore), LeafLifetime) / 2
	begins, ends := now.Add(-half), now.Add(half)
	if now.Before(old.NotBefore) {
		begins, ends = now.Add(-backdate), old.NotAfter
	}
	if begins.Before(a.cert.NotBefore) {
		begins = a.cert.NotBefore
	}
	return a.again(rand, now, old, subject, 0, func(t *x509.Certificate) {
		t.NotBefore = begins.UTC().Truncate(time.Second)
		if t.NotAfter = ends.UTC().Truncate(time.Second); t.NotAfter.After(a.cert.NotAfter) {
			t.NotAfter = a.cert.NotAfter
		}
	}, hosts...)
}

// again makes a certificate like another, for the same key: for which subject, if not nil,
// asks an authority elsewhere.
func (a *Authority) again(rand io.Reader, now time.Time, old *x509.Certificate, subject crypto.Signer, lifetime time.Duration, shape func(*x509.Certificate), hosts ...string) (Pair, error) {
	name := old.Subject.CommonName
	t, err := a.template(rand, now, name, lifetime)
	if err != nil {
		return Pair{}, err
	}
	shape(t)
	t.Subject = old.Subject
	t.SubjectKeyId, t.KeyUsage, t.ExtKeyUsage = old.SubjectKeyId, old.KeyUsage, old.ExtKeyUsage
	t.DNSNames, t.IPAddresses = old.DNSNames, old.IPAddresses
	addNames(t, hosts)
	cert, err := signFor(rand, t, a.cert, old.PublicKey, a.key, subject)
	if err != nil {
		return Pair{}, fmt.Errorf("pki: renew %q: %w", name, err)
	}
	return Pair{CertPEM: certPEM(cert), NotAfter: cert.NotAfter}, nil
}

// ProlongList signs a's list again, with the same certificates on it, as PEM. It begins
// when the list before did, or now if that is earlier, and is in force until the authority
// ends: so it is in force for whoever had the one before in force, whatever this host's
// clock says.
func (a *Authority) ProlongList(now time.Time, before *x509.RevocationList) ([]byte, error) {
	begins := now.Add(-backdate)
	if before.ThisUpdate.Before(begins) {
		begins = before.ThisUpdate
	}
	return a.signList(now, begins, before)
}

// signList signs a's list anew: those of before, which is a's own list or nil, and certs.
func (a *Authority) signList(now, begins time.Time, before *x509.RevocationList, certs ...*x509.Certificate) ([]byte, error) {
	if err := checkTime(a.cert, now); err != nil {
		return nil, fmt.Errorf("pki: the authority cannot sign: %s", Explain(err, now))
	}
	if a.cert.KeyUsage != 0 && a.cert.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return nil, errors.New("pki: the authority's certificate does not allow it to sign revocation lists (key usage cRLSign)")
	}
	now = now.UTC().Truncate(time.Second)
	next := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: begins.UTC().Truncate(time.Second), NextUpdate: a.cert.NotAfter}
	if before != nil {
		if err := checkListSignature(before, a.cert); err != nil {
			return nil, fmt.Errorf("pki: the list there is not of %s: %w", quoteSubject(a.cert), err)
		}
		next.Number = listNumber(before)
		next.Number.Add(next.Number, big.NewInt(1))
		next.RevokedCertificateEntries = slices.Clone(before.RevokedCertificateEntries)
	}
	for _, c := range certs {
		if !Listed(next, c.SerialNumber) {
			next.RevokedCertificateEntries = append(next.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: now})
		}
	}
	for i := range next.RevokedCertificateEntries {
		next.RevokedCertificateEntries[i].Extensions = nil // made anew from the reason
	}
	der, err := a.createList(next)
	if err != nil {
		return nil, fmt.Errorf("pki: sign the revocation list: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeCRL, Bytes: der}), nil
}
