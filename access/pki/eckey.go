package pki

import (
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

var errNoExplicitKey = errors.New("no private key with a curve that is written out")

// parseExplicitKey reads a private key whose curve is a named one but is written
// out, which crypto/x509 does not read: in PKCS #8 (RFC 5958) or alone (RFC 5915).
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

// keyAlgorithm returns the kind of a private key, or its curve if it is on one; nil
// if the key does not say.
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
