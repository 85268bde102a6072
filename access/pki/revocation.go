package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

const typeCRL = "X509 CRL"

// RevokedError reports a certificate that its authority revoked.
type RevokedError struct{ Cert *x509.Certificate }

func (e *RevokedError) Error() string {
	return fmt.Sprintf("the certificate of %s, serial number %d, is revoked", quoteSubject(e.Cert), e.Cert.SerialNumber)
}

// ListError reports a revocation list that cannot be relied on.
type ListError struct {
	List *x509.RevocationList
	Now  time.Time
	Err  error // what is wrong with its signature or scope; nil: it is not in force now
}

func (e *ListError) Error() string {
	who := e.List.Issuer.String()
	switch {
	case errors.Is(e.Err, errScope):
		return fmt.Sprintf("the revocation list (crl-verify) of %q: %v", who, e.Err)
	case e.Err != nil:
		return fmt.Sprintf("the revocation list (crl-verify) of %q is not signed by the authority of that name: %v; make it anew with that authority's key; where several authorities bear the name, the file holds a list of each", who, e.Err)
	case e.Now.Before(e.List.ThisUpdate):
		return fmt.Sprintf("the revocation list (crl-verify) of %q is not yet valid: this host's clock says %s, the list begins at %s; set the clock that is wrong",
			who, stamp(e.Now), stamp(e.List.ThisUpdate))
	}
	return fmt.Sprintf("the revocation list (crl-verify) of %q expired at %s: it is the list that is too old, not the peer's certificate, and nobody with a certificate of that authority is let in until it is signed anew (easyrsa gen-crl, openssl ca -gencrl) and put in its place; no restart is needed",
		who, stamp(e.List.NextUpdate))
}

func (e *ListError) Unwrap() error { return e.Err }

// ParseRevocationLists reads every revocation list of a PEM text, or the one of
// a DER file. Without an error there is at least one.
func ParseRevocationLists(text []byte) ([]*x509.RevocationList, error) {
	if s, rest, err := parseSigned(text); err == nil && len(s.signature) > 0 {
		list, err := parseList(text[:len(text)-len(rest)])
		return []*x509.RevocationList{list}, unreadable(1, err)
	}
	var lists []*x509.RevocationList
	for _, b := range decodeAll(text) {
		if b.Type != typeCRL {
			continue
		}
		list, err := parseList(b.Bytes)
		if err != nil {
			return nil, unreadable(len(lists)+1, err)
		}
		lists = append(lists, list)
	}
	if err := complete(text, typeCRL, len(lists)); err != nil {
		return nil, err
	}
	return lists, nil
}

func unreadable(n int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("revocation list %d cannot be used: %w", n, err)
}

// CheckRevoked looks up every certificate of a verified chain in the lists of its
// issuer, the certificate after it. The last one is trusted as it is. A
// certificate whose issuer has no list passes. Authorities may share a name, so a
// list belongs to the authority that signed it, which may be one of others. The
// error is a *RevokedError or a *ListError.
func CheckRevoked(chain []*x509.Certificate, lists []*x509.RevocationList, now time.Time, others ...*x509.Certificate) error {
	for i := 0; i+1 < len(chain); i++ {
		own, err := ListsOf(chain[i+1], lists, now, others)
		if err != nil {
			return err
		}
		if err := lookUp(chain[i], own, now); err != nil {
			return err
		}
	}
	return nil
}

// ListsOf returns the lists that issuer signed. It fails with a *ListError if there
// are none, but there is one of its name that none of others signed either.
func ListsOf(issuer *x509.Certificate, lists []*x509.RevocationList, now time.Time, others []*x509.Certificate) (own []*x509.RevocationList, err error) {
	for _, list := range lists {
		if !sameName(list.RawIssuer, issuer.RawSubject) {
			continue
		}
		switch wrong := checkListSignature(list, issuer); {
		case wrong == nil:
			own = append(own, list)
		case !signedByOne(list, others):
			err = &ListError{List: list, Now: now, Err: wrong}
		}
	}
	if len(own) > 0 {
		return own, nil
	}
	return nil, err
}

// ListsOfOthers returns the lists whose issuer has the name of none of authorities,
// grouped by issuer.
func ListsOfOthers(lists []*x509.RevocationList, authorities []*x509.Certificate) (all [][]*x509.RevocationList) {
	lists = slices.DeleteFunc(slices.Clone(lists), func(l *x509.RevocationList) bool {
		return slices.ContainsFunc(authorities, func(a *x509.Certificate) bool { return sameName(l.RawIssuer, a.RawSubject) })
	})
	for _, l := range lists {
		i := slices.IndexFunc(all, func(own []*x509.RevocationList) bool { return sameName(own[0].RawIssuer, l.RawIssuer) })
		if i < 0 {
			all = append(all, []*x509.RevocationList{l})
			continue
		}
		all[i] = append(all[i], l)
	}
	return all
}

func signedByOne(list *x509.RevocationList, authorities []*x509.Certificate) bool {
	return slices.ContainsFunc(authorities, func(a *x509.Certificate) bool {
		return sameName(list.RawIssuer, a.RawSubject) && checkListSignature(list, a) == nil
	})
}

// Unlisted returns the authorities that signed none of lists, so that nothing they
// issued counts as revoked.
func Unlisted(authorities []*x509.Certificate, lists []*x509.RevocationList) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(authorities), func(a *x509.Certificate) bool {
		return slices.ContainsFunc(lists, func(l *x509.RevocationList) bool { return signedByOne(l, []*x509.Certificate{a}) })
	})
}

// checkListSignature checks that issuer signed list. It accepts SHA-1 and MD5, too:
// the list is this host's own file, and OpenSSL accepts them.
func checkListSignature(list *x509.RevocationList, issuer *x509.Certificate) error {
	envelope, _, err := parseSigned(list.Raw)
	if err != nil {
		return err
	}
	if issuer.KeyUsage != 0 && issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return errors.New("the authority's certificate does not allow it to sign lists (key usage cRLSign)")
	}
	s, err := parseScheme(envelope.algorithm)
	if err != nil {
		return err
	}
	return s.verify(publicKey(issuer), envelope.content, envelope.signature)
}

// removeFromCRL is the reason of an entry that takes a revocation back
// (RFC 5280, section 5.3.1).
const removeFromCRL = 8

// errScope is about a list that needs another one beside it.
var errScope = errors.New("it does not cover certificates of this kind, or not all reasons (issuing distribution point); add the list that does")

// lookUp looks up cert in lists, and fails if none of them is in force now.
func lookUp(cert *x509.Certificate, lists []*x509.RevocationList, now time.Time) error {
	var late error
	current := false
	for _, list := range lists {
		if Listed(list, cert.SerialNumber) {
			return &RevokedError{Cert: cert}
		}
		if now.Before(list.ThisUpdate) || !list.NextUpdate.IsZero() && now.After(list.NextUpdate) {
			late = &ListError{List: list, Now: now}
		} else if !covers(list, cert) {
			late = &ListError{List: list, Now: now, Err: errScope}
		} else {
			current = true
		}
	}
	if current {
		return nil
	}
	return late
}
