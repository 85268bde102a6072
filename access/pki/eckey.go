package pki

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

var errNoExplicitKey = errors.New("no private key with a curve that is written out")

// parseExplicitKey reads a private key whose curve is written out and is one
// that has a name, which crypto/x509 does not read: as PKCS #8 (RFC 5958) or by
// itself (RFC 5915).
func parseExplicitKey(der []byte) (*ecdsa.PrivateKey, error) {
	var fields, parameters cryptobyte.String
	all := cryptobyte.String(der)
	if !all.ReadASN1(&fields, tags.SEQUENCE) || !fields.SkipASN1(tags.INTEGER) {
		return nil, errNoExplicitKey
	}
	if fields.PeekASN1Tag(tags.SEQUENCE) {
		var algorithm, inner cryptobyte.String
		if !fields.ReadASN1(&algorithm, tags.SEQUENCE) || !algorithm.SkipASN1(tags.OBJECT_IDENTIFIER) ||
			!algorithm.ReadASN1Element(&parameters, tags.SEQUENCE) || !fields.ReadASN1(&inner, tags.OCTET_STRING) ||
			!inner.ReadASN1(&fields, tags.SEQUENCE) || !fields.SkipASN1(tags.INTEGER) {
			return nil, errNoExplicitKey
		}
	}
	var number cryptobyte.String
	if !fields.ReadASN1(&number, tags.OCTET_STRING) {
		return nil, errNoExplicitKey
	}
	if parameters == nil {
		var wrapped cryptobyte.String
		if !fields.ReadASN1(&wrapped, tags.Tag(0).ContextSpecific().Constructed()) || !wrapped.ReadASN1Element(&parameters, tags.SEQUENCE) {
			return nil, errNoExplicitKey
		}
	}
	_, curve := namedCurve(parameters)
	if curve == nil {
		return nil, errNoExplicitKey
	}
	return ecdsa.ParseRawPrivateKey(curve, number)
}

// keyAlgorithm is the kind of a private key, or the curve of one on an elliptic
// curve; nil where it is not said.
func keyAlgorithm(der []byte) (id asn1.ObjectIdentifier) {
	var fields, algorithm cryptobyte.String
	all := cryptobyte.String(der)
	if !all.ReadASN1(&fields, tags.SEQUENCE) || !fields.SkipASN1(tags.INTEGER) {
		return nil
	}
	switch {
	case fields.PeekASN1Tag(tags.SEQUENCE): // PKCS #8
		if !fields.ReadASN1(&algorithm, tags.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&id) {
			return nil
		}
		if id.Equal(ecKeyOID) {
			algorithm.ReadASN1ObjectIdentifier(&id)
		}
	case fields.SkipASN1(tags.OCTET_STRING) && fields.ReadASN1(&algorithm, tags.Tag(0).ContextSpecific().Constructed()):
		algorithm.ReadASN1ObjectIdentifier(&id)
	}
	return id
}
