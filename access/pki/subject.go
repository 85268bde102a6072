package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
)

// attributeNames are the short names by which OpenSSL, and so OpenVPN, writes
// the attributes of a subject.
var attributeNames = map[string]string{
	"2.5.4.3":                    "CN",
	"2.5.4.4":                    "SN",
	"2.5.4.5":                    "serialNumber",
	"2.5.4.6":                    "C",
	"2.5.4.7":                    "L",
	"2.5.4.8":                    "ST",
	"2.5.4.9":                    "street",
	"2.5.4.10":                   "O",
	"2.5.4.11":                   "OU",
	"2.5.4.12":                   "title",
	"2.5.4.13":                   "description",
	"2.5.4.17":                   "postalCode",
	"2.5.4.41":                   "name",
	"2.5.4.42":                   "GN",
	"2.5.4.43":                   "initials",
	"2.5.4.46":                   "dnQualifier",
	"2.5.4.65":                   "pseudonym",
	"2.5.4.97":                   "organizationIdentifier",
	"1.2.840.113549.1.9.1":       "emailAddress",
	"1.2.840.113549.1.9.2":       "unstructuredName",
	"0.9.2342.19200300.100.1.1":  "UID",
	"0.9.2342.19200300.100.1.25": "DC",
}

var commonNameOID = asn1.ObjectIdentifier{2, 5, 4, 3}

// Subject is the certificate's subject as OpenVPN writes and compares it: in
// the certificate's order, such as "C=KG, O=Example, CN=Server-1". A part of
// several attributes is joined by " + "; control characters and backslashes
// are escaped by a backslash.
func Subject(cert *x509.Certificate) string {
	rdns, err := subjectRDNs(cert)
	if err != nil {
		return ""
	}
	return nameString(rdns)
}

func nameString(rdns pkix.RDNSequence) string {
	parts := make([]string, 0, len(rdns))
	for _, rdn := range rdns {
		attributes := make([]string, 0, len(rdn))
		for _, a := range rdn {
			attributes = append(attributes, attributeName(a.Type)+"="+escape(fmt.Sprint(a.Value)))
		}
		parts = append(parts, strings.Join(attributes, " + "))
	}
	return strings.Join(parts, ", ")
}

// CommonName is the last common name of the certificate's subject, which is
// the one OpenVPN takes for the peer's name; "" where it has none.
func CommonName(cert *x509.Certificate) string {
	name := ""
	rdns, _ := subjectRDNs(cert)
	for _, rdn := range rdns {
		for _, a := range rdn {
			if a.Type.Equal(commonNameOID) {
				name = fmt.Sprint(a.Value)
			}
		}
	}
	return name
}

func subjectRDNs(cert *x509.Certificate) (pkix.RDNSequence, error) {
	return parseName(cert.RawSubject)
}

// NameString writes a distinguished name in DER, such as TLS sends for authorities,
// as Subject does; "" if it is not a name.
func NameString(der []byte) string {
	name, err := parseName(der)
	if err != nil {
		return ""
	}
	return nameString(name)
}

// IssuerOf returns the issuer of a certificate, in DER and as Subject writes it.
func IssuerOf(der []byte) (raw []byte, name string) {
	o, err := parseOutline(der)
	if err != nil {
		return nil, ""
	}
	return o.issuer, NameString(o.issuer)
}

func attributeName(oid asn1.ObjectIdentifier) string {
	if name, ok := attributeNames[oid.String()]; ok {
		return name
	}
	return oid.String()
}

func escape(value string) string {
	var b strings.Builder
	for _, r := range value {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\%02X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// quoteSubject names a certificate in a message.
func quoteSubject(cert *x509.Certificate) string {
	if s := Subject(cert); s != "" {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("serial number %x", cert.SerialNumber)
}
