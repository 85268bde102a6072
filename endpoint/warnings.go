package endpoint

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"culvert/pki"
)

var errLeftOut = errors.New("an authority is left out, and peers with its certificates are refused")

// warnLeftOut says which authorities of a file cannot be used. They may be ones
// that nobody needs, and must not keep the others from serving.
func (t *Trust) warnLeftOut(where string, faults []error) {
	for _, fault := range faults {
		t.warn(fmt.Sprintf("%s: %v", where, fault))
	}
}

// warnUnlisted says which authorities have no list where others do, so that what
// they issued cannot be taken back.
func (t *Trust) warnUnlisted(lists []*x509.RevocationList) {
	if len(lists) == 0 {
		return
	}
	var names []string
	for _, root := range pki.Unlisted(t.authorities, lists) {
		names = append(names, fmt.Sprintf("%q", pki.Subject(root)))
	}
	if len(names) > 0 {
		t.warn("crl-verify: there is no list signed by " + strings.Join(names, ", ") + " of `ca`: no certificate of that authority counts as revoked")
	}
}

// endOf says when a list ends or ended.
func endOf(l *x509.RevocationList, left time.Duration) string {
	const day = 24 * time.Hour
	at := l.NextUpdate.UTC().Format(time.DateTime)
	switch days := int(left.Abs() / day); {
	case left < 0 && days > 0:
		return fmt.Sprintf("crl-verify: the revocation list of %q ended at %s, %d days ago; nobody is let in until it is signed anew (culvert client revoke does, as easyrsa gen-crl and openssl ca -gencrl)", l.Issuer, at, days)
	case left < 0:
		return fmt.Sprintf("crl-verify: the revocation list of %q ended at %s; nobody is let in until it is signed anew (culvert client revoke does, as easyrsa gen-crl and openssl ca -gencrl)", l.Issuer, at)
	case days > 0:
		return fmt.Sprintf("crl-verify: the revocation list of %q ends at %s, in %d days; from then on nobody is let in: sign it anew before (culvert client revoke does, as easyrsa gen-crl and openssl ca -gencrl)", l.Issuer, at, days)
	}
	return fmt.Sprintf("crl-verify: the revocation list of %q ends at %s, within a day; from then on nobody is let in: sign it anew before (culvert client revoke does, as easyrsa gen-crl and openssl ca -gencrl)", l.Issuer, at)
}
