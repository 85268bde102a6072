package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// crypto/x509 finds no way across a signature that it cannot check: RSA-PSS with
// OpenSSL's default salt, SHA-224, an authority's key for RSA-PSS alone, and SHA-1.
// Nor does it find an authority whose name is spelt differently in what it signed.
// For these, the way is searched and its signatures are checked here. The library
// checks the rest.

// Limits of a search: a peer can show many certificates of one name.
const (
	maxWay    = 10
	maxChecks = 100 // of signatures
)

// WeakError reports a certificate that is refused for the hash of its signature.
type WeakError struct {
	Cert *x509.Certificate
	Hash crypto.Hash
}

func (e *WeakError) Error() string {
	text := fmt.Sprintf("the certificate of %s is signed over %v, which can be forged and is refused; issue it again with SHA-256", quoteSubject(e.Cert), e.Hash)
	if !e.offered() {
		return text
	}
	return text + ". Until then `tls-cert-profile insecure` takes it"
}

// offered reports whether a peer can show such a certificate at all: crypto/tls
// offers neither MD5 nor RSA-PSS over SHA-1.
func (e *WeakError) offered() bool {
	return e.Hash == crypto.SHA1 && e.Cert.SignatureAlgorithm != x509.UnknownSignatureAlgorithm
}

// UncheckedError reports a certificate whose signature cannot be checked.
type UncheckedError struct {
	Cert *x509.Certificate
	Err  error
}

func (e *UncheckedError) Error() string {
	return fmt.Sprintf("the certificate of %s is refused, since %v", quoteSubject(e.Cert), e.Err)
}

// Unwrap returns the reason, usually a *SchemeError.
func (e *UncheckedError) Unwrap() error { return e.Err }

// IssuerMissingError reports a way that ends at an authority that is not a root and
// whose issuer is not among the authorities.
type IssuerMissingError struct{ Cert *x509.Certificate }

func (e *IssuerMissingError) Error() string {
	return fmt.Sprintf("`ca` has %s, but not %s that issued it: add the certificate of that one too, up to one that signed itself",
		quoteSubject(e.Cert), strconv.Quote(e.Cert.Issuer.String()))
}

// search finds a way from chain's first certificate to one of the roots by
// names and signatures alone. If there is none, the error says which signature
// could not be checked, or which of the authorities has no issuer among them; it is
// nil if no way leads to any of them.
func (v Verifier) search(chain []*x509.Certificate) ([]*x509.Certificate, error) {
	s := searcher{Verifier: v, roots: Roots(v.Authorities), between: v.known(chain)[1:], left: maxChecks}
	way := s.from([]*x509.Certificate{chain[0]})
	if way == nil && s.why == nil && s.end != nil {
		s.why = &IssuerMissingError{Cert: s.end}
	}
	return way, s.why
}

// Way returns a way from a peer's certificate, the first of chain, to one of the
// roots, both included, by names and signatures alone; nil if there is none. It is
// for a certificate that was found good, but may have expired since.
func (v Verifier) Way(chain []*x509.Certificate) []*x509.Certificate {
	if len(chain) == 0 {
		return nil
	}
	way, _ := v.search(chain)
	return way
}

type searcher struct {
	Verifier
	roots, between []*x509.Certificate
	left           int
	why            error
	end            *x509.Certificate // of the authorities, the last that a way led to
}

func (s *searcher) from(way []*x509.Certificate) []*x509.Certificate {
	last := way[len(way)-1]
	if slices.Contains(s.Authorities, last) {
		s.end = last
	}
	for _, root := range s.roots {
		if s.signed(last, root) {
			return append(way, root)
		}
	}
	if len(way) == maxWay {
		return nil
	}
	for _, c := range s.between {
		if slices.Contains(way, c) || !s.signed(last, c) {
			continue
		}
		if found := s.from(append(slices.Clip(way), c)); found != nil {
			return found
		}
	}
	return nil
}

// signed reports whether the key of by signed cert.
func (s *searcher) signed(cert, by *x509.Certificate) bool {
	if s.left == 0 || !sameName(cert.RawIssuer, by.RawSubject) {
		return false
	}
	s.left--
	err := checkSignature(cert, by, s.Weak)
	switch err.(type) {
	case *WeakError:
		s.why = err
	case *SchemeError:
		s.why = &UncheckedError{Cert: cert, Err: err}
	}
	return err == nil
}

// checkSignature checks that by's key signed cert.
func checkSignature(cert, by *x509.Certificate, weak bool) error {
	envelope, _, err := parseSigned(cert.Raw)
	if err != nil {
		return err
	}
	scheme, err := parseScheme(envelope.algorithm)
	if err != nil {
		return err
	}
	if err := scheme.verify(publicKey(by), envelope.content, envelope.signature); err != nil {
		return err
	}
	if scheme.weak() && !weak {
		return &WeakError{Cert: cert, Hash: scheme.hash}
	}
	return nil
}

// check lets the library check everything about a way except its signatures: dates,
// usages, which certificates may sign others, and name constraints. The library
// gets the same certificates, signed with keys made for the purpose.
func check(way []*x509.Certificate, now time.Time, usage Usage) error {
	under := make([]*x509.Certificate, len(way))
	for i, cert := range way {
		under[i] = new(*cert)
	}
	for i, cert := range under[:len(way)-1] {
		if err := countersign(cert, under[i+1]); err != nil {
			return err
		}
		// The library reports these two as an unknown authority.
		if err := checkTime(way[i+1], now); err != nil {
			return err
		}
		if errors.As(cert.CheckSignatureFrom(under[i+1]), new(x509.ConstraintViolationError)) {
			return x509.CertificateInvalidError{Cert: way[i+1], Reason: x509.NotAuthorizedToSign}
		}
	}
	last := len(way) - 1
	_, err := libraryChain(under[:last], under[last:], now, usage)
	return err
}

// countersign gives by a new key, and signs cert with it. Both are copies.
func countersign(cert, by *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(cert.RawTBSCertificate)
	by.PublicKey, by.PublicKeyAlgorithm = &key.PublicKey, x509.ECDSA
	cert.RawIssuer, cert.SignatureAlgorithm = by.RawSubject, x509.ECDSAWithSHA256
	cert.Signature, err = ecdsa.SignASN1(rand.Reader, key, digest[:])
	return err
}
