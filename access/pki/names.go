package pki

import (
	"bytes"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// The string types of names for which cryptobyte has no constant (X.680, section 8).
const (
	numericString   = tags.Tag(18)
	visibleString   = tags.Tag(26)
	universalString = tags.Tag(28)
	bmpString       = tags.Tag(30)
)

// parseName reads a distinguished name (RFC 5280, section 4.1.2.4). It accepts any
// characters in its strings: OpenSSL writes and reads names that crypto/x509 refuses.
func parseName(der []byte) (pkix.RDNSequence, error) {
	var sequence pkix.RDNSequence
	all := cryptobyte.String(der)
	if !all.ReadASN1(&all, tags.SEQUENCE) {
		return nil, errors.New("it is not a name")
	}
	for !all.Empty() {
		var set cryptobyte.String
		var part pkix.RelativeDistinguishedNameSET
		if !all.ReadASN1(&set, tags.SET) {
			return nil, errors.New("a part of the name is damaged")
		}
		for !set.Empty() {
			a, err := readAttribute(&set)
			if err != nil {
				return nil, err
			}
			part = append(part, a)
		}
		sequence = append(sequence, part)
	}
	return sequence, nil
}

func readAttribute(set *cryptobyte.String) (a pkix.AttributeTypeAndValue, err error) {
	var pair, value cryptobyte.String
	var tag tags.Tag
	if !set.ReadASN1(&pair, tags.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&a.Type) || !pair.ReadAnyASN1(&value, &tag) {
		return a, errors.New("an attribute of the name is damaged")
	}
	a.Value = nameText(tag, value)
	return a, nil
}

// nameText returns a string of a name in UTF-8. It reads T61String as Latin-1, as
// OpenSSL does, and writes what is not text in hexadecimal.
func nameText(tag tags.Tag, value []byte) string {
	var b strings.Builder
	switch tag {
	case tags.PrintableString, tags.IA5String, tags.UTF8String, numericString, visibleString:
		return strings.ToValidUTF8(string(value), "\uFFFD")
	case tags.T61String:
		for _, c := range value {
			b.WriteRune(rune(c))
		}
		return b.String()
	case bmpString:
		var units []uint16
		for i := 0; i+1 < len(value); i += 2 {
			units = append(units, uint16(value[i])<<8|uint16(value[i+1]))
		}
		return string(utf16.Decode(units))
	case universalString:
		for i := 0; i+3 < len(value); i += 4 {
			b.WriteRune(rune(value[i])<<24 | rune(value[i+1])<<16 | rune(value[i+2])<<8 | rune(value[i+3]))
		}
		return b.String()
	}
	return fmt.Sprintf("#%x", value)
}

// misfit says which character of a string its type does not allow by the rules of
// crypto/x509; "" if there is none.
func misfit(tag tags.Tag, value []byte) string {
	kind, allowed := "", func(c rune) bool { return true }
	switch tag {
	case tags.PrintableString:
		kind, allowed = "PrintableString", func(c rune) bool {
			return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(" '()+,-./:=?*&", c)
		}
	case tags.IA5String:
		kind, allowed = "IA5String", func(c rune) bool { return c < 0x80 }
	case numericString:
		kind, allowed = "NumericString", func(c rune) bool { return c >= '0' && c <= '9' || c == ' ' }
	case tags.UTF8String:
		kind, allowed = "UTF8String", func(c rune) bool { return c != '\uFFFD' }
	}
	switch tag {
	case tags.PrintableString, tags.IA5String, tags.UTF8String, tags.T61String, numericString, bmpString:
	default:
		return "of a string type that is not read here"
	}
	if i := strings.IndexFunc(string(value), func(c rune) bool { return !allowed(c) }); i >= 0 {
		return fmt.Sprintf("a %s with the character %q, which that type does not allow", kind, []rune(string(value[i:]))[0])
	}
	return ""
}

// sameName reports whether two names say the same, compared as OpenSSL does: tools
// write one name with different string types, case and blanks (RFC 5280, section 7.1).
func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, err := parseName(a)
	y, bad := parseName(b)
	return err == nil && bad == nil && canonical(x) == canonical(y)
}

func canonical(name pkix.RDNSequence) string {
	var b strings.Builder
	for _, part := range name {
		for _, a := range part {
			text := strings.ToLower(strings.Join(strings.Fields(a.Value.(string)), " "))
			fmt.Fprintf(&b, "%v=%q,", a.Type, text)
		}
		b.WriteByte(';')
	}
	return b.String()
}
