package profile

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"culvert/access/pki"
	"culvert/config"
)

// KeyStore has a private key that is not in this process, and perhaps its certificate.
type KeyStore interface {
	// Sign waits for the signature of data, until ctx ends. algorithm says what data
	// is and how it is signed, in the words of OpenVPN's management protocol
	// (management-notes, pk-sig).
	Sign(ctx context.Context, data []byte, algorithm string) (signature []byte, err error)
	// Certificate waits for the certificate in PEM that hint stands for, until ctx
	// ends.
	Certificate(ctx context.Context, hint string) (pem []byte, err error)
}

// FetchCertificate asks for the certificate of `management-external-cert`, if c has the
// line. Afterwards it is as if it had been given in the configuration.
func FetchCertificate(ctx context.Context, c *config.Config, keys KeyStore) error {
	hint := c.Management.ExternalCert
	if hint == "" {
		return nil
	}
	text, err := keys.Certificate(ctx, hint)
	if err != nil {
		return err
	}
	at := c.At("management-external-cert")
	if _, err := pki.ParseCertificates(text); err != nil {
		return fmt.Errorf("%v: management-external-cert: what the management client answered: %w; it must send the certificate in PEM, line by line", at, err)
	}
	c.Trust.Cert = &config.File{Inline: true, Text: text, Pos: at}
	for _, r := range c.Link.Remotes {
		if r.Settings != nil {
			r.Settings.Trust.Cert = c.Trust.Cert
		}
	}
	return nil
}

// externalIdentity is the certificate of c with a key that is elsewhere.
func externalIdentity(c *config.Config, chain []byte) (tls.Certificate, error) {
	certs, err := pki.ParseCertificates(chain)
	if err != nil {
		return tls.Certificate{}, err
	}
	key := externalKey{public: certs[0].PublicKey, can: *c.Management.ExternalKey}
	id := tls.Certificate{Leaf: certs[0], PrivateKey: key.signer()}
	if id.SupportedSignatureAlgorithms, err = key.algorithms(); err != nil {
		return tls.Certificate{}, err
	}
	for _, cert := range certs {
		id.Certificate = append(id.Certificate, cert.Raw)
	}
	return id, nil
}

// externalKey is a crypto.Signer whose private half is in a KeyStore.
type externalKey struct {
	public crypto.PublicKey
	can    config.ExternalKey
	ctx    context.Context // of one connection; nil: of none
	store  KeyStore
}

// signer is the key for crypto/tls, which hands the whole message to one that takes it.
func (k externalKey) signer() crypto.Signer {
	if k.can.Message {
		return messageKey{k}
	}
	return k
}

// messageKey is an externalKey that signs messages and not their digests.
type messageKey struct{ externalKey }

var errNoStore = errors.New("there is no management client to sign with the private key")

// bound returns t with the external key of its certificate in a store, for as long as
// ctx lasts. t stays as it is where its key is in this process.
func bound(ctx context.Context, t *tls.Config, store KeyStore) *tls.Config {
	if len(t.Certificates) == 0 || store == nil {
		return t
	}
	var key externalKey
	switch k := t.Certificates[0].PrivateKey.(type) {
	case externalKey:
		key = k
	case messageKey:
		key = k.externalKey
	default:
		return t
	}
	key.ctx, key.store = ctx, store
	t = t.Clone()
	show := t.GetClientCertificate
	t.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		shown, err := show(request)
		if err != nil {
			return nil, err
		}
		own := *shown
		own.PrivateKey = key.signer()
		return &own, nil
	}
	return t
}

// Public is crypto.Signer's.
func (k externalKey) Public() crypto.PublicKey { return k.public }

// Sign is crypto.Signer's, for a digest.
func (k externalKey) Sign(_ io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.store == nil {
		return nil, errNoStore
	}
	public, ok := k.public.(*rsa.PublicKey)
	if !ok {
		return k.store.Sign(k.ctx, digest, "ECDSA")
	}
	pss, isPSS := o.(*rsa.PSSOptions)
	switch {
	case isPSS && k.can.PSS:
		return k.checked(k.store.Sign(k.ctx, digest, pssPadding+hashName(o)+saltDigest))
	case isPSS:
		padded, err := padPSS(digest, public.N.BitLen(), pss.HashFunc())
		if err != nil {
			return nil, err
		}
		return k.checked(k.store.Sign(k.ctx, padded, noPadding))
	}
	info, err := digestInfo(digest, o.HashFunc())
	if err != nil {
		return nil, err
	}
	if k.can.NoPadding && !k.can.PKCS1 {
		padded, err := padPKCS1(info, public.Size())
		if err != nil {
			return nil, err
		}
		return k.checked(k.store.Sign(k.ctx, padded, noPadding))
	}
	return k.checked(k.store.Sign(k.ctx, info, pkcs1Padding))
}

// SignMessage is crypto.MessageSigner's.
func (k messageKey) SignMessage(_ io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if k.store == nil {
		return nil, errNoStore
	}
	const isMessage = ",data=message"
	if _, ok := k.public.(*rsa.PublicKey); !ok {
		return k.store.Sign(k.ctx, message, "ECDSA,hashalg="+hashName(o)+isMessage)
	}
	if _, isPSS := o.(*rsa.PSSOptions); isPSS {
		return k.checked(k.store.Sign(k.ctx, message, pssPadding+hashName(o)+saltDigest+isMessage))
	}
	return k.checked(k.store.Sign(k.ctx, message, pkcs1Padding+",hashalg="+hashName(o)+isMessage))
}

// checked refuses what cannot be an RSA signature, which the server would only call
// an error of the handshake.
func (k externalKey) checked(signature []byte, err error) ([]byte, error) {
	if size := k.public.(*rsa.PublicKey).Size(); err == nil && len(signature) != size {
		return nil, fmt.Errorf("the management client's signature has %d bytes, and one with this RSA key has %d: it signs with another key or in another way", len(signature), size)
	}
	return signature, err
}

// algorithms returns what the store can sign.
func (k externalKey) algorithms() ([]tls.SignatureScheme, error) {
	pkcs1 := []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}
	pss := []tls.SignatureScheme{tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512}
	can := k.can
	switch k.public.(type) {
	case *ecdsa.PublicKey:
		return nil, nil // whatever the curve allows
	case ed25519.PublicKey:
		return nil, errors.New("management-external-key: a key of Ed25519 signs whole messages, for which the management protocol has no word; use one of RSA or an elliptic curve of NIST")
	case *rsa.PublicKey:
	default:
		return nil, fmt.Errorf("management-external-key: the certificate's key of type %T cannot sign for TLS", k.public)
	}
	raw := can.NoPadding && !can.Message
	var list []tls.SignatureScheme
	if can.PSS || raw {
		list = append(list, pss...)
	}
	if can.PKCS1 || raw || !can.PSS {
		list = append(list, pkcs1...)
	}
	return list, nil
}

// needsTLS12 reports whether an identity can sign only what TLS 1.2 has at most: TLS
// 1.3 has no PKCS #1.
func needsTLS12(id tls.Certificate) bool {
	return len(id.SupportedSignatureAlgorithms) > 0 && id.SupportedSignatureAlgorithms[0] == tls.PKCS1WithSHA256
}

var _ crypto.MessageSigner = messageKey{}
