package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Usage is what a peer's certificate is for.
type Usage int

// The usages.
const (
	AnyUsage Usage = iota
	ServerUsage
	ClientUsage
)

// String returns the standard's name of the usage.
func (u Usage) String() string {
	switch u {
	case ServerUsage:
		return "TLS server"
	case ClientUsage:
		return "TLS client"
	}
	return "any"
}

// eku returns the extended key usage of RFC 5280, section 4.2.1.12.
func (u Usage) eku() x509.ExtKeyUsage {
	switch u {
	case ServerUsage:
		return x509.ExtKeyUsageServerAuth
	case ClientUsage:
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageAny
}

// UsageError reports a certificate that does not state the usage asked of it.
type UsageError struct {
	Cert *x509.Certificate
	Want Usage
	// MissingKU: the certificate has no key usage at all, as opposed to an
	// extended key usage other than the one wanted.
	MissingKU bool
}

func (e *UsageError) Error() string {
	if e.MissingKU {
		return fmt.Sprintf("certificate of %s states no key usage, expected that of a %v", quoteSubject(e.Cert), e.Want)
	}
	return fmt.Sprintf("certificate of %s is for %s, expected %v", quoteSubject(e.Cert), usages(e.Cert), e.Want)
}

// NameError reports a certificate with another name than was asked for.
type NameError struct {
	Got, Want string
	Type      string // as in CheckName
}

func (e *NameError) Error() string {
	return fmt.Sprintf("peer's certificate has %s %q, expected %q", nameKinds[e.Type], e.Got, e.Want)
}

// nameKinds say what each type of CheckName compares.
var nameKinds = map[string]string{
	"subject":     "subject",
	"name":        "common name",
	"name-prefix": "common name, by its beginning,",
}

// ChainError reports a certificate that no trusted authority vouches for.
type ChainError struct {
	Leaf        *x509.Certificate
	Authorities []*x509.Certificate
	Err         error // of crypto/x509
}

func (e *ChainError) Error() string { return e.Err.Error() }

// Unwrap returns the error of crypto/x509.
func (e *ChainError) Unwrap() error { return e.Err }

var errNoCertificate = errors.New("pki: the peer showed no certificate; it needs `cert` and `key` in its configuration")

// Verify checks that the first certificate of chain, a peer's as TLS received it,
// leads to a root among authorities at the time now, by way of the rest of chain
// and of authorities, and that nothing on the way forbids the usage. A certificate
// that states no usage passes; to demand one, use CheckUsage. Errors wrap
// *ChainError.
func Verify(chain, authorities []*x509.Certificate, now time.Time, usage Usage) error {
	_, err := Verifier{Authorities: authorities}.Chain(chain, now, usage)
	return err
}

// Verifier says whom to trust and how far.
type Verifier struct {
	// Authorities are those of `ca`. A way ends at a root among them, which
	// signed itself. The others may be on the way, so that what the root says
	// about them counts, as with OpenSSL.
	Authorities []*x509.Certificate
	// Weak accepts signatures over SHA-1 and MD5, which can be forged.
	Weak bool
}

// Roots returns the authorities that signed themselves.
func Roots(authorities []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(authorities), func(c *x509.Certificate) bool { return !isRoot(c) })
}

// isRoot reports whether an authority signed itself, by names and key identifiers
// (RFC 5280, section 4.2.1.1): an authority that got a new key may have signed it
// with the old one.
func isRoot(c *x509.Certificate) bool {
	return sameName(c.RawIssuer, c.RawSubject) &&
		(len(c.AuthorityKeyId) == 0 || len(c.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId))
}

// Chain is Verify for v. It returns the way that it found from the peer's certificate
// to one of the roots, both included.
func (v Verifier) Chain(chain []*x509.Certificate, now time.Time, usage Usage) ([]*x509.Certificate, error) {
	if len(chain) == 0 {
		return nil, errNoCertificate
	}
	roots, known := Roots(v.Authorities), v.known(chain)
	way, err := libraryChain(known, roots, now, usage)
	if errors.As(err, new(x509.UnknownAuthorityError)) {
		if found, why := v.search(chain); found != nil {
			way, err = found, check(found, now, usage)
		} else if why != nil {
			err = why
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pki: %w", &ChainError{Leaf: chain[0], Authorities: v.Authorities, Err: err})
	}
	return way, nil
}

// known returns the certificates that a way may use: those that the peer showed, its
// own first, and the authorities that are not roots.
func (v Verifier) known(chain []*x509.Certificate) []*x509.Certificate {
	known := slices.Clone(chain)
	for _, a := range v.Authorities {
		if !isRoot(a) {
			known = append(known, a)
		}
	}
	return known
}

func libraryChain(chain, roots []*x509.Certificate, now time.Time, usage Usage) ([]*x509.Certificate, error) {
	ways, err := chain[0].Verify(x509.VerifyOptions{
		Roots:         pool(roots),
		Intermediates: pool(chain[1:]),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{usage.eku()},
	})
	if err != nil {
		return nil, err
	}
	return ways[0], nil
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// checkTime is the part of Verify that needs no authority.
func checkTime(cert *x509.Certificate, now time.Time) error {
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}
	}
	return nil
}

// CheckUsage is `remote-cert-tls`: the certificate must state a key usage, and
// explicitly the extended key usage that is wanted. The error is a *UsageError.
func CheckUsage(cert *x509.Certificate, want Usage) error {
	if want == AnyUsage {
		return nil
	}
	if cert.KeyUsage == 0 {
		return &UsageError{Cert: cert, Want: want, MissingKU: true}
	}
	for _, u := range cert.ExtKeyUsage {
		if u == want.eku() {
			return nil
		}
	}
	return &UsageError{Cert: cert, Want: want}
}

// CheckName is `verify-x509-name`: typ "subject" (or "") compares the whole
// subject as Subject writes it, "name" the common name, "name-prefix" its
// beginning. fields says what to use as the common name, as in Username. The error
// for a wrong name is a *NameError.
func CheckName(cert *x509.Certificate, name, typ string, fields ...string) error {
	got, equal := Username(cert, fields), false
	switch typ {
	case "", "subject":
		typ, got = "subject", Subject(cert)
		equal = got == name
	case "name":
		equal = got == name
	case "name-prefix":
		equal = name != "" && strings.HasPrefix(got, name)
	default:
		return fmt.Errorf("pki: verify-x509-name: type %q, expected subject, name or name-prefix", typ)
	}
	if !equal {
		return &NameError{Got: got, Want: name, Type: typ}
	}
	return nil
}
