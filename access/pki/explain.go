package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// clock is how messages write a time.
const clock = "2006-01-02 15:04:05 UTC"

// Explain says in words what a certificate error means and what to do. now is
// this host's time; the text names it if the clocks may be at fault. If there is
// nothing to add, it returns the error's own text.
func Explain(err error, now time.Time) string {
	var usage *UsageError
	var name *NameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var weak *WeakError
	var unchecked *UncheckedError
	var missing *IssuerMissingError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &weak):
		return weak.Error()
	case errors.As(err, &unchecked):
		return unchecked.Error()
	case errors.As(err, &missing):
		return missing.Error()
	case errors.As(err, new(x509.UnhandledCriticalExtension)):
		return explainCritical(err)
	case errors.As(err, &usage):
		return explainUsage(usage)
	case errors.As(err, &name):
		return explainName(name)
	case errors.As(err, &invalid):
		return explainInvalid(invalid, now)
	case errors.As(err, &unknown):
		return explainUnknown(err, unknown)
	}
	return err.Error()
}

// AboutTime reports whether an error may come from a wrong clock: a certificate or a
// revocation list is not valid at this time.
func AboutTime(err error) bool {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return invalid.Reason == x509.Expired
	}
	list, ok := errors.AsType[*ListError](err)
	return ok && list.Err == nil
}

func explainCritical(err error) string {
	who, which := "of the peer, or of an authority between,", ""
	var chain *ChainError
	if errors.As(err, &chain) && len(chain.Leaf.UnhandledCriticalExtensions) > 0 {
		who, which = "of "+quoteSubject(chain.Leaf), fmt.Sprintf(" (%v)", chain.Leaf.UnhandledCriticalExtensions[0])
	}
	return fmt.Sprintf("the certificate %s has an extension%s that is marked critical and not known here, so that it must be refused; issue it again without the extension, or with it not critical", who, which)
}

func explainInvalid(e x509.CertificateInvalidError, now time.Time) string {
	who := quoteSubject(e.Cert)
	switch {
	case e.Reason == x509.Expired && now.Before(e.Cert.NotBefore):
		return fmt.Sprintf("the certificate of %s is not yet valid: this host's clock says %s, the certificate begins at %s; one of the two clocks is wrong: set this host's clock, or issue the certificate again where the clock is right",
			who, stamp(now), stamp(e.Cert.NotBefore))
	case e.Reason == x509.Expired:
		return fmt.Sprintf("the certificate of %s expired at %s, and this host's clock says %s; issue a new one, or set this host's clock if it is wrong",
			who, stamp(e.Cert.NotAfter), stamp(now))
	case e.Reason == x509.IncompatibleUsage:
		return fmt.Sprintf("the certificate of %s is for %s and may not be used at this end; a server needs one issued for a server (EKU serverAuth), a client one issued for a client (EKU clientAuth)",
			who, usages(e.Cert))
	case e.Reason == x509.NotAuthorizedToSign:
		return fmt.Sprintf("%s signed a certificate but %s", who, whyNoAuthority(e.Cert))
	}
	return fmt.Sprintf("the certificate of %s is refused: %v; issue it again", who, e)
}

// whyNoAuthority says why a certificate may not sign others, and what to do. One
// whose key usage allows signing is an authority's that was issued wrongly.
func whyNoAuthority(cert *x509.Certificate) string {
	switch {
	case cert.IsCA && cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return "its key usage lacks keyCertSign; issue the authority's certificate again with that"
	case !cert.BasicConstraintsValid && (cert.Version < 3 || cert.KeyUsage&x509.KeyUsageCertSign != 0):
		return "lacks basicConstraints CA:TRUE, by which an authority is known; issue the authority's certificate again with that, over the same key and name (what it signed stays good)"
	}
	return "is no authority; put the authority's own certificate in `ca`"
}

func explainUnknown(err error, e x509.UnknownAuthorityError) string {
	issuer := "another authority"
	if e.Cert != nil {
		issuer = fmt.Sprintf("%q", e.Cert.Issuer.String())
	}
	var chain *ChainError
	if !errors.As(err, &chain) {
		return fmt.Sprintf("the peer's certificate was signed by %s, which this host does not trust; put that authority's certificate in `ca`", issuer)
	}
	trusted, sameName := describeAuthorities(chain, e)
	if sameName {
		return fmt.Sprintf("the certificate of %s names %s as its authority, but its signature is not from the authority of that name in `ca`: the authority was made anew, or another bears the same name; issue the certificate by the authority in `ca`, or replace `ca`",
			quoteSubject(chain.Leaf), issuer)
	}
	return fmt.Sprintf("the certificate of %s was signed by %s, but `ca` holds only %s; use the `ca` of that authority, or a certificate issued by the one in `ca`",
		quoteSubject(chain.Leaf), issuer, trusted)
}

// describeAuthorities lists the authorities of c, and reports whether one has the
// name of the issuer that e missed.
func describeAuthorities(c *ChainError, e x509.UnknownAuthorityError) (list string, sameName bool) {
	const most = 5
	var names []string
	for i, r := range c.Authorities {
		sameName = sameName || e.Cert != nil && string(r.RawSubject) == string(e.Cert.RawIssuer)
		if i < most {
			names = append(names, quoteSubject(r))
		}
	}
	if more := len(c.Authorities) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	if len(names) == 0 {
		return "no certificate", false
	}
	return strings.Join(names, ", "), sameName
}

func explainUsage(e *UsageError) string {
	kind := "server"
	if e.Want == ClientUsage {
		kind = "client"
	}
	return fmt.Sprintf("%v, which `remote-cert-tls %s` demands; issue the peer a certificate for a %s (key usage digitalSignature, EKU %sAuth); do not remove the line, it keeps one client from posing as the server",
		e, kind, kind, kind)
}

func explainName(e *NameError) string {
	return fmt.Sprintf("%v; if the peer is the right one, write: verify-x509-name %q %s", e, e.Got, e.Type)
}

// usages lists the extended key usages of a certificate.
func usages(cert *x509.Certificate) string {
	var names []string
	for _, u := range cert.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageServerAuth:
			names = append(names, ServerUsage.String())
		case x509.ExtKeyUsageClientAuth:
			names = append(names, ClientUsage.String())
		case x509.ExtKeyUsageAny:
			names = append(names, "any purpose (neither end of TLS takes that for its own)")
		default:
			names = append(names, "another purpose")
		}
	}
	if len(names)+len(cert.UnknownExtKeyUsage) == 0 {
		return "no stated purpose"
	}
	if len(names) == 0 {
		return "another purpose"
	}
	return strings.Join(names, " and ")
}

func stamp(t time.Time) string { return t.UTC().Format(clock) }
