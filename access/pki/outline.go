package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// outline is a certificate cut into the parts of RFC 5280, section 4.1, each with
// its tag and unchanged. Their contents are not looked at.
type outline struct {
	signed
	version, serial, algorithm cryptobyte.String
	issuer, validity, subject  cryptobyte.String
	key                        cryptobyte.String // subjectPublicKeyInfo
	rest                       cryptobyte.String // unique ids and extensions
}

var errNoCertificateDER = errors.New("it is not a certificate")

func parseOutline(der []byte) (o outline, err error) {
	if o.signed, _, err = parseSigned(der); err != nil {
		return o, err
	}
	tbs, content := cryptobyte.String(nil), o.content
	var versioned bool
	if !content.ReadASN1(&tbs, tags.SEQUENCE) {
		return o, errNoCertificateDER
	}
	versionTag := tags.Tag(0).Constructed().ContextSpecific()
	if versioned = tbs.PeekASN1Tag(versionTag); versioned && !tbs.ReadASN1Element(&o.version, versionTag) {
		return o, errNoCertificateDER
	}
	if !tbs.ReadASN1Element(&o.serial, tags.INTEGER) {
		return o, errNoCertificateDER
	}
	for _, part := range []*cryptobyte.String{&o.algorithm, &o.issuer, &o.validity, &o.subject, &o.key} {
		if !tbs.ReadASN1Element(part, tags.SEQUENCE) {
			return o, errNoCertificateDER
		}
	}
	o.rest = tbs
	return o, nil
}

// appendDER appends the certificate, put together again.
func (o *outline) appendDER(b []byte) ([]byte, error) {
	out := cryptobyte.NewBuilder(b)
	out.AddASN1(tags.SEQUENCE, func(whole *cryptobyte.Builder) {
		whole.AddASN1(tags.SEQUENCE, func(tbs *cryptobyte.Builder) {
			for _, part := range []cryptobyte.String{o.version, o.serial, o.algorithm, o.issuer, o.validity, o.subject, o.key, o.rest} {
				tbs.AddBytes(part)
			}
		})
		whole.AddBytes(o.signed.algorithm)
		whole.AddASN1BitString(o.signature)
	})
	return out.Bytes()
}

// readCertificate reads a certificate from a file of this host. If crypto/x509
// refuses it for the way it is written, not for what it says, readCertificate
// respells it for reading, and returns it with the bytes that were signed. This
// covers names whose strings have characters outside their type, dates that DER does
// not allow, and named curves that are written out. What follows the certificate
// is dropped, as OpenSSL does.
//
// Peers' certificates are not read here: crypto/tls reads them itself.
func readCertificate(der []byte) (*x509.Certificate, error) {
	if _, rest, err := parseSigned(der); err == nil {
		der = der[:len(der)-len(rest)]
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		cert, err = readRespelled(der, err)
	}
	if err == nil {
		err = checkKind(cert)
	}
	if err != nil {
		return nil, err
	}
	return cert, nil
}

// readRespelled reads what crypto/x509 refused with the error given.
func readRespelled(der []byte, refused error) (*x509.Certificate, error) {
	o, err := parseOutline(der)
	if err != nil {
		return nil, errors.New(Reason(refused))
	}
	spelt, changed := respell(o)
	if !changed {
		return nil, refusal(&o, refused)
	}
	mended, err := spelt.appendDER(nil)
	if err != nil {
		return nil, refused
	}
	cert, err := x509.ParseCertificate(mended)
	if err != nil {
		return nil, refusal(&o, err)
	}
	cert.Raw, cert.RawTBSCertificate = der, o.content
	cert.RawIssuer, cert.RawSubject, cert.RawSubjectPublicKeyInfo = o.issuer, o.subject, o.key
	return cert, nil
}

// checkKind refuses a key that crypto/x509 lets pass but with which nothing can be
// checked.
func checkKind(cert *x509.Certificate) error {
	switch publicKey(cert).(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	o := outline{key: cert.RawSubjectPublicKeyInfo, subject: cert.RawSubject}
	return refusal(&o, errors.New("unsupported public key"))
}
