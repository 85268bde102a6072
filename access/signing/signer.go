package signing

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"

	"culvert/access/pki"
)

// Signer is an authority's key that a program signs by. It implements pki.Remote. Make it
// with New or Find.
type Signer struct {
	command Command
	public  crypto.PublicKey
}

var (
	_ pki.Remote           = (*Signer)(nil)
	_ crypto.MessageSigner = (*Signer)(nil)
)

// New returns the key whose public half is known, by the authority's certificate.
func New(c Command, public crypto.PublicKey) (*Signer, error) {
	if _, err := algorithm(public, 0); err != nil {
		return nil, err
	}
	return &Signer{c, public}, c.Check()
}

// Find asks the program for the public half, too.
func Find(c Command) (*Signer, error) {
	a, err := c.Ask(context.Background(), &Request{Want: PublicKey})
	if err != nil {
		return nil, err
	}
	public, err := x509.ParsePKIXPublicKey(a.PublicKey)
	if err != nil {
		return nil, c.failed("its public key cannot be read: %w", err)
	}
	return New(c, public)
}

// algorithm is the name of a signature over a hash by a kind of key; hash 0 is for any.
func algorithm(public crypto.PublicKey, hash crypto.Hash) (string, error) {
	switch public.(type) {
	case *ecdsa.PublicKey:
		switch hash {
		case crypto.SHA384:
			return "ecdsa-sha384", nil
		case crypto.SHA512:
			return "ecdsa-sha512", nil
		case 0, crypto.SHA256:
			return "ecdsa-sha256", nil
		}
	case *rsa.PublicKey:
		if hash == 0 || hash == crypto.SHA256 {
			return "rsa-sha256", nil
		}
	case ed25519.PublicKey:
		return "ed25519", nil
	}
	return "", fmt.Errorf("a key of type %T with the hash %v is not supported for an authority; expected ECDSA, RSA or Ed25519", public, hash)
}

// Public implements crypto.Signer.
func (s *Signer) Public() crypto.PublicKey { return s.public }

// Sign implements crypto.Signer. A program needs to see what it signs, so it always fails:
// crypto/x509 calls SignMessage.
func (s *Signer) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("a sign command is not given a digest alone")
}

// SignMessage implements crypto.MessageSigner, for a certificate of the authority itself.
func (s *Signer) SignMessage(_ io.Reader, text []byte, o crypto.SignerOpts) ([]byte, error) {
	signature, whole, err := s.Answer(pki.Question{TBS: text, Hash: o.HashFunc()})
	if err == nil && whole != nil {
		err = s.command.failed("it answered a certificate, where only a signature is of use")
	}
	return signature, err
}

// Answer implements pki.Remote. A signature it returns is the authority's.
func (s *Signer) Answer(q pki.Question) (signature, whole []byte, err error) {
	r := &Request{Want: Certificate, TBS: q.TBS, CSR: q.Request}
	if q.List {
		r.Want = List
	}
	if r.Algorithm, err = algorithm(s.public, q.Hash); err != nil {
		return nil, nil, err
	}
	if q.Hash != 0 {
		r.Digest = digestOf(q.Hash, q.TBS)
	}
	a, err := s.command.Ask(context.Background(), r)
	if err != nil {
		return nil, nil, err
	}
	if a.Signature != nil && !s.verifies(r, a.Signature) {
		return nil, nil, s.command.failed("its signature is not one of the authority's key: it signs with another key, or in another form (ECDSA in DER, RSA with PKCS #1 v1.5); have it use the key of the certificate in ca.crt")
	}
	return a.Signature, a.Whole, nil
}

func (s *Signer) verifies(r *Request, signature []byte) bool {
	switch public := s.public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(public, r.Digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, r.Hash(), r.Digest, signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(public, r.TBS, signature)
	}
	return false
}
