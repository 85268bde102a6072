package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
)

// Remote is an authority's key that is elsewhere: on a token, or with an authority that
// decides itself what its certificates say.
type Remote interface {
	crypto.Signer
	// Answer answers one question, by a signature or by a whole certificate or list in
	// DER. What it returns is not trusted: it is checked before use.
	Answer(Question) (signature, whole []byte, err error)
}

// Question is what a Remote is to sign.
type Question struct {
	List bool        // a revocation list; else a certificate
	TBS  []byte      // in DER: the certificate or list without its signature
	Hash crypto.Hash // to sign over; 0: over the text itself (Ed25519)
	// Request is a certificate request (PKCS #10) in DER for the same name and key, by
	// the subject's own key. nil: that key is not here.
	Request []byte
}

// errWhole ends the making of what came whole.
var errWhole = errors.New("answered by a certificate or list of its own")

// asking is a Remote as crypto/x509 wants it: what it is to sign goes into a question.
type asking struct {
	Remote
	question Question
	whole    []byte // came instead of a signature
}

// SignMessage implements crypto.MessageSigner.
func (a *asking) SignMessage(_ io.Reader, text []byte, o crypto.SignerOpts) ([]byte, error) {
	a.question.TBS, a.question.Hash = text, o.HashFunc()
	signature, whole, err := a.Answer(a.question)
	if err == nil && whole != nil {
		a.whole, err = whole, errWhole
	}
	return signature, err
}

func signRemotely(rand io.Reader, template, parent *x509.Certificate, public crypto.PublicKey, key Remote, subject crypto.Signer) (*x509.Certificate, error) {
	a := &asking{Remote: key}
	if subject != nil {
		request, err := x509.CreateCertificateRequest(rand, &x509.CertificateRequest{
			Subject: template.Subject, DNSNames: template.DNSNames, IPAddresses: template.IPAddresses,
		}, subject)
		if err != nil {
			return nil, fmt.Errorf("certificate request: %w", err)
		}
		a.question.Request = request
	}
	return askRemote(rand, template, parent, public, a)
}

// askRemote is signRemotely with a request, or without.
func askRemote(rand io.Reader, template, parent *x509.Certificate, public crypto.PublicKey, a *asking) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand, template, parent, public, a)
	if errors.Is(err, errWhole) {
		return readWhole(a.whole, template, parent, public)
	}
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return x509.ParseCertificate(der)
}

// readWhole reads a certificate that an authority made itself, and refuses one that is
// not what it was asked for.
func readWhole(der []byte, template, parent *x509.Certificate, public crypto.PublicKey) (*x509.Certificate, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("the certificate that the authority answered: %w", err)
	}
	if err := checkWhole(cert, template, parent, public); err != nil {
		return nil, fmt.Errorf("the certificate that the authority answered is not used: %w", err)
	}
	return cert, nil
}

func checkWhole(cert, template, parent *x509.Certificate, public crypto.PublicKey) error {
	if err := cert.CheckSignatureFrom(parent); err != nil {
		return fmt.Errorf("it is not signed by %s: %w", quoteSubject(parent), err)
	}
	if key, ok := cert.PublicKey.(equaler); !ok || !key.Equal(public) {
		return errors.New("it is for another key than that of the request")
	}
	now := template.NotBefore.Add(backdate)
	switch {
	case cert.Subject.CommonName != template.Subject.CommonName:
		return fmt.Errorf("it is for %s, expected the common name %q", quoteSubject(cert), template.Subject.CommonName)
	case cert.IsCA:
		return errors.New("it is one of an authority; make it one of a server or client")
	case now.Before(cert.NotBefore) || !now.Before(cert.NotAfter):
		return fmt.Errorf("it is valid from %s to %s, and now is %s", stamp(cert.NotBefore), stamp(cert.NotAfter), stamp(now))
	}
	for _, name := range template.DNSNames {
		if !slices.Contains(cert.DNSNames, name) {
			return fmt.Errorf("it lacks the alternative name %q", name)
		}
	}
	return checkUses(cert, template.ExtKeyUsage)
}

// checkUses wants those uses, and none that would have a client pass for a server.
func checkUses(cert *x509.Certificate, uses []x509.ExtKeyUsage) error {
	for _, use := range uses {
		if !slices.Contains(cert.ExtKeyUsage, use) {
			return fmt.Errorf("its extended key usage lacks %s", useName(use))
		}
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageAny} {
		if slices.Contains(cert.ExtKeyUsage, use) && !slices.Contains(uses, use) {
			return fmt.Errorf("its extended key usage has %s, with which a client could pass for the server; have the authority leave it out", useName(use))
		}
	}
	return nil
}

func useName(use x509.ExtKeyUsage) string {
	switch use {
	case x509.ExtKeyUsageServerAuth:
		return "serverAuth"
	case x509.ExtKeyUsageClientAuth:
		return "clientAuth"
	case x509.ExtKeyUsageAny:
		return "anyExtendedKeyUsage"
	}
	return fmt.Sprintf("usage %d", use)
}

func signListRemotely(list *x509.RevocationList, parent *x509.Certificate, key Remote) ([]byte, error) {
	a := &asking{Remote: key, question: Question{List: true}}
	der, err := x509.CreateRevocationList(rand.Reader, list, parent, a)
	if !errors.Is(err, errWhole) {
		return der, err
	}
	made, err := x509.ParseRevocationList(a.whole)
	if err != nil {
		return nil, fmt.Errorf("the list that the authority answered: %w", err)
	}
	if err := checkListSignature(made, parent); err != nil {
		return nil, fmt.Errorf("the list that the authority answered is not of %s: %w", quoteSubject(parent), err)
	}
	for _, e := range list.RevokedCertificateEntries {
		if e.ReasonCode != removeFromCRL && !Listed(made, e.SerialNumber) {
			return nil, fmt.Errorf("the list that the authority answered lacks the serial number %s, which is revoked: revoke it there too", hexSerial(e.SerialNumber))
		}
	}
	if !list.ThisUpdate.Add(backdate).Before(made.NextUpdate) {
		return nil, fmt.Errorf("the list that the authority answered ended at %s; have it sign a new one", stamp(made.NextUpdate))
	}
	return made.Raw, nil
}

func hexSerial(n *big.Int) string { return fmt.Sprintf("%X", n) }
