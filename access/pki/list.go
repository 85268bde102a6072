package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// parseList reads a revocation list of either version (RFC 5280, section 5.1).
// crypto/x509 reads neither version 1, which OpenSSL makes by default, nor dates or
// names outside DER. Fields that only newer lists have, and nothing here needs,
// stay empty. A list that cannot be used alone is refused: one that has only
// changes, covers several authorities, or has a critical extension that is not
// known here.
func parseList(der []byte) (*x509.RevocationList, error) {
	envelope, _, err := parseSigned(der)
	if err != nil {
		return nil, err
	}
	list := &x509.RevocationList{Raw: der, RawTBSRevocationList: envelope.content, Signature: envelope.signature}
	tbs, version := cryptobyte.String(nil), 0
	content := envelope.content
	if !content.ReadASN1(&tbs, tags.SEQUENCE) {
		return nil, errEnvelope
	}
	if tbs.PeekASN1Tag(tags.INTEGER) && (!tbs.ReadASN1Integer(&version) || version != 1) {
		return nil, fmt.Errorf("it is of version %d, expected 1 or 2", version+1)
	}
	var inner, issuer cryptobyte.String
	if !tbs.ReadASN1Element(&inner, tags.SEQUENCE) || !tbs.ReadASN1Element(&issuer, tags.SEQUENCE) {
		return nil, errors.New("no issuer in it")
	}
	if string(inner) != string(envelope.algorithm) {
		return nil, errors.New("it names two algorithms for its signature")
	}
	list.RawIssuer = issuer
	names, err := parseName(issuer)
	if err != nil {
		return nil, fmt.Errorf("its issuer: %w", err)
	}
	list.Issuer.FillFromRDNSequence(&names)
	if err := readDates(&tbs, list); err != nil {
		return nil, err
	}
	if list.RevokedCertificateEntries, err = readEntries(&tbs); err != nil {
		return nil, err
	}
	return list, readListExtensions(&tbs, list)
}

func readDates(tbs *cryptobyte.String, list *x509.RevocationList) (err error) {
	if list.ThisUpdate, err = readInstant(tbs); err != nil {
		return fmt.Errorf("when it was made: %w", err)
	}
	if !tbs.PeekASN1Tag(tags.UTCTime) && !tbs.PeekASN1Tag(tags.GeneralizedTime) {
		return nil
	}
	if list.NextUpdate, err = readInstant(tbs); err != nil {
		return fmt.Errorf("when the next is due: %w", err)
	}
	return nil
}

// readEntries reads the entries: the certificates that were revoked.
func readEntries(tbs *cryptobyte.String) ([]x509.RevocationListEntry, error) {
	var all cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&all, &present, tags.SEQUENCE) {
		return nil, errors.New("its entries are cut short")
	}
	var entries []x509.RevocationListEntry
	for !all.Empty() {
		entry, err := readEntry(&all)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", len(entries)+1, err)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// The known extensions of lists and their entries (RFC 5280, sections 5.2 and 5.3).
var (
	reasonOID    = asn1.ObjectIdentifier{2, 5, 29, 21}
	deltaOID     = asn1.ObjectIdentifier{2, 5, 29, 27}
	scopeOID     = asn1.ObjectIdentifier{2, 5, 29, 28}
	entryCAOID   = asn1.ObjectIdentifier{2, 5, 29, 29}
	authorityOID = asn1.ObjectIdentifier{2, 5, 29, 35}
)

func readEntry(all *cryptobyte.String) (e x509.RevocationListEntry, err error) {
	var fields cryptobyte.String
	e.SerialNumber = new(big.Int)
	if !all.ReadASN1(&fields, tags.SEQUENCE) || !fields.ReadASN1Integer(e.SerialNumber) {
		return e, errors.New("no serial number in it")
	}
	if e.RevocationTime, err = readInstant(&fields); err != nil {
		return e, err
	}
	if e.Extensions, err = readExtensions(&fields); err != nil {
		return e, err
	}
	for _, x := range e.Extensions {
		value := cryptobyte.String(x.Value)
		switch {
		case x.Id.Equal(reasonOID):
			if !value.ReadASN1Enum(&e.ReasonCode) {
				return e, errors.New("its reason code is invalid")
			}
		case x.Id.Equal(entryCAOID):
			return e, errIndirect
		case x.Critical:
			return e, criticalError(x.Id)
		}
	}
	return e, nil
}

var (
	errIndirect = errors.New("it covers several authorities (an indirect list), which is not supported; give a list for each")
	errDelta    = errors.New("it has only what changed since another list (a delta list); give the complete list")
)

func criticalError(id asn1.ObjectIdentifier) error {
	return fmt.Errorf("it has the extension %v, which is critical and not supported, so it cannot be evaluated; have the list made without it", id)
}

// readListExtensions reads the extensions of the list itself.
func readListExtensions(tbs *cryptobyte.String, list *x509.RevocationList) (err error) {
	var wrapped cryptobyte.String
	var present bool
	if !tbs.ReadOptionalASN1(&wrapped, &present, tags.Tag(0).Constructed().ContextSpecific()) || !tbs.Empty() {
		return errors.New("unexpected data follows its entries")
	}
	if list.Extensions, err = readExtensions(&wrapped); err != nil {
		return err
	}
	for _, x := range list.Extensions {
		switch {
		case x.Id.Equal(deltaOID):
			return errDelta
		case x.Id.Equal(authorityOID):
			list.AuthorityKeyId = keyID(x.Value)
		case x.Id.Equal(scopeOID):
			if err := checkScope(x.Value); err != nil {
				return err
			}
		case x.Critical:
			return criticalError(x.Id)
		}
	}
	return nil
}

// readExtensions reads the extensions that s begins with, if any.
func readExtensions(s *cryptobyte.String) ([]pkix.Extension, error) {
	var element cryptobyte.String
	if s.Empty() {
		return nil, nil
	}
	var all []pkix.Extension
	if !s.ReadASN1Element(&element, tags.SEQUENCE) || !s.Empty() {
		return nil, errors.New("its extensions are damaged")
	}
	if _, err := asn1.Unmarshal(element, &all); err != nil {
		return nil, fmt.Errorf("its extensions: %w", err)
	}
	return all, nil
}

// keyID returns the key identifier within an authority key identifier (RFC 5280,
// section 4.2.1.1), nil if there is none.
func keyID(der []byte) []byte {
	var id struct {
		Key []byte `asn1:"optional,tag:0"`
		// Some go on with the authority's name and serial number.
		Name   asn1.RawValue `asn1:"optional,tag:1"`
		Serial asn1.RawValue `asn1:"optional,tag:2"`
	}
	if _, err := asn1.Unmarshal(der, &id); err != nil {
		return nil
	}
	return id.Key
}

// scope is an issuing distribution point (RFC 5280, section 5.2.5). It says which
// certificates of its authority a list is for.
type scope struct {
	Point      asn1.RawValue  `asn1:"optional,tag:0"`
	Users      bool           `asn1:"optional,tag:1"`
	CAs        bool           `asn1:"optional,tag:2"`
	Reasons    asn1.BitString `asn1:"optional,tag:3"`
	Indirect   bool           `asn1:"optional,tag:4"`
	Attributes bool           `asn1:"optional,tag:5"`
}

// checkScope refuses lists that are not for certificates of their own authority.
func checkScope(der []byte) error {
	var s scope
	if _, err := asn1.Unmarshal(der, &s); err != nil {
		return fmt.Errorf("what it is for (issuing distribution point) cannot be read: %w", err)
	}
	if s.Indirect {
		return errIndirect
	}
	if s.Attributes {
		return errors.New("it is for attribute certificates, which are not supported")
	}
	return nil
}

// covers reports whether a certificate is good if a list of its authority does not
// name it. A list for users only, authorities only or some reasons only says nothing
// about the others. A certificate that it names is revoked in any case.
func covers(list *x509.RevocationList, cert *x509.Certificate) bool {
	for _, x := range list.Extensions {
		var s scope
		if !x.Id.Equal(scopeOID) {
			continue
		}
		if _, err := asn1.Unmarshal(x.Value, &s); err != nil || s.Users && cert.IsCA || s.CAs && !cert.IsCA || s.Reasons.BitLength > 0 {
			return false
		}
	}
	return true
}
