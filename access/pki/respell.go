package pki

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// respell rewrites the parts of a certificate so that crypto/x509 reads them, and
// reports whether that changed any.
func respell(o outline) (outline, bool) {
	changed := false
	for _, part := range []struct {
		at      *cryptobyte.String
		respell func([]byte) []byte
	}{
		{&o.issuer, respellName}, {&o.subject, respellName}, {&o.validity, respellValidity}, {&o.key, respellKey},
	} {
		if anew := part.respell(*part.at); anew != nil {
			*part.at, changed = anew, true
		}
	}
	return o, changed
}

// respellName returns a name with every string as UTF8String; nil if that is not
// needed or not possible.
func respellName(der []byte) []byte {
	if nameMisfit(der) == "" {
		return nil
	}
	name, err := parseName(der)
	if err != nil {
		return nil
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, part := range name {
			b.AddASN1(tags.SET, func(b *cryptobyte.Builder) {
				for _, a := range part {
					b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(a.Type)
						b.AddASN1(tags.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.Value.(string))) })
					})
				}
			})
		}
	})
	return b.BytesOrPanic()
}

// nameMisfit describes the first string of a name that crypto/x509 refuses; "" if
// there is none.
func nameMisfit(der []byte) string {
	all := cryptobyte.String(der)
	all.ReadASN1(&all, tags.SEQUENCE)
	for !all.Empty() {
		var set cryptobyte.String
		if !all.ReadASN1(&set, tags.SET) {
			return ""
		}
		for !set.Empty() {
			var pair, value cryptobyte.String
			var id asn1.ObjectIdentifier
			var tag tags.Tag
			if !set.ReadASN1(&pair, tags.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&id) || !pair.ReadAnyASN1(&value, &tag) {
				return ""
			}
			if bad := misfit(tag, value); bad != "" {
				return attributeName(id) + " is " + bad
			}
		}
	}
	return ""
}

// respellValidity returns the two dates in DER; nil if they are in DER already.
func respellValidity(der []byte) []byte {
	dates := cryptobyte.String(der)
	dates.ReadASN1(&dates, tags.SEQUENCE)
	var both [2]time.Time
	unusual := false
	for i := range both {
		unusual = unusual || unusualInstant(dates)
		var err error
		if both[i], err = readInstant(&dates); err != nil {
			return nil
		}
	}
	if !unusual {
		return nil
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, t := range both {
			b.AddASN1GeneralizedTime(t)
		}
	})
	spelt, err := b.Bytes()
	if err != nil {
		return nil
	}
	return spelt
}

var ecKeyOID = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}

// curves are those that crypto/x509 knows, by number (RFC 5480).
var curves = []struct {
	id    asn1.ObjectIdentifier
	curve elliptic.Curve
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}, elliptic.P256()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 34}, elliptic.P384()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 35}, elliptic.P521()},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 33}, elliptic.P224()},
}

// respellKey takes an elliptic curve key whose curve is written out, and returns it
// with the curve's number instead; nil for any other key.
func respellKey(der []byte) []byte {
	info := cryptobyte.String(der)
	var algorithm, parameters cryptobyte.String
	var id asn1.ObjectIdentifier
	if !info.ReadASN1(&info, tags.SEQUENCE) || !info.ReadASN1(&algorithm, tags.SEQUENCE) ||
		!algorithm.ReadASN1ObjectIdentifier(&id) || !id.Equal(ecKeyOID) || !algorithm.ReadASN1Element(&parameters, tags.SEQUENCE) {
		return nil
	}
	named, _ := namedCurve(parameters)
	if named == nil {
		return nil
	}
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(ecKeyOID)
			b.AddASN1ObjectIdentifier(named)
		})
		b.AddBytes(info)
	})
	return b.BytesOrPanic()
}

// namedCurve finds the curve that explicit parameters (ECParameters, SEC 1,
// section C.2) describe in full; nil if it is not a known one.
func namedCurve(der []byte) (asn1.ObjectIdentifier, elliptic.Curve) {
	var p struct {
		Version int
		Field   struct {
			Type  asn1.ObjectIdentifier
			Prime *big.Int
		}
		Curve struct {
			A, B []byte
			Seed asn1.BitString `asn1:"optional"`
		}
		Base     []byte
		Order    *big.Int
		Cofactor *big.Int `asn1:"optional"`
	}
	if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) > 0 {
		return nil, nil
	}
	if p.Cofactor != nil && p.Cofactor.Cmp(big.NewInt(1)) != 0 {
		return nil, nil
	}
	number := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	for _, c := range curves {
		is := c.curve.Params()
		size := (is.BitSize + 7) / 8
		a := new(big.Int).Sub(is.P, big.NewInt(3))
		if p.Field.Prime.Cmp(is.P) == 0 && p.Order.Cmp(is.N) == 0 && number(p.Curve.A).Cmp(a) == 0 && number(p.Curve.B).Cmp(is.B) == 0 &&
			isBase(p.Base, is, size) {
			return c.id, c.curve
		}
	}
	return nil, nil
}

// isBase reports whether a point, compressed or not, is the curve's base.
func isBase(point []byte, is *elliptic.CurveParams, size int) bool {
	if len(point) < 1+size || new(big.Int).SetBytes(point[1:1+size]).Cmp(is.Gx) != 0 {
		return false
	}
	switch point[0] {
	case 2, 3:
		return len(point) == 1+size && uint(point[0]&1) == is.Gy.Bit(0)
	case 4:
		return len(point) == 1+2*size && new(big.Int).SetBytes(point[1+size:]).Cmp(is.Gy) == 0
	}
	return false
}
