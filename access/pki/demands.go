package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"

	"culvert/internal/printable"
)

// DemandError reports a certificate that lacks what a directive demands of it.
type DemandError struct {
	Cert      *x509.Certificate
	Directive string
	Got, Want string
}

func (e *DemandError) Error() string {
	return fmt.Sprintf("the certificate of %s has %s, and `%s` demands %s; issue it again with that, or change the line",
		quoteSubject(e.Cert), e.Got, e.Directive, e.Want)
}

// CheckKeyUsage is `remote-cert-ku`: the certificate must have every bit of one of
// the usages. The bits are in the order of RFC 5280, section 4.2.1.3: 0x80 for
// digitalSignature down to 0x01, and 0x8000 for decipherOnly. Without usages, any
// key usage will do. The error is a *DemandError.
func CheckKeyUsage(cert *x509.Certificate, usages []uint16) error {
	got := keyUsageBits(cert.KeyUsage)
	var want []string
	for _, u := range usages {
		if got&u == u {
			return nil
		}
		want = append(want, fmt.Sprintf("%02x", u))
	}
	if len(usages) == 0 && got != 0 {
		return nil
	}
	e := &DemandError{Cert: cert, Directive: "remote-cert-ku", Got: fmt.Sprintf("key usage %02x", got), Want: strings.Join(want, " or ")}
	if len(usages) == 0 {
		e.Want = "one"
	}
	if got == 0 {
		e.Got = "no key usage"
	}
	return e
}

// keyUsageBits returns the first bit of the extension as 0x80 and the ninth as
// 0x8000.
func keyUsageBits(u x509.KeyUsage) (bits uint16) {
	for i := range 8 {
		if u&(1<<i) != 0 {
			bits |= 0x80 >> i
		}
	}
	if u&x509.KeyUsageDecipherOnly != 0 {
		bits |= 0x8000
	}
	return bits
}

// extendedUsages are OpenSSL's names of extended key usages.
var extendedUsages = map[string]string{
	"tls web server authentication": "1.3.6.1.5.5.7.3.1", "serverauth": "1.3.6.1.5.5.7.3.1",
	"tls web client authentication": "1.3.6.1.5.5.7.3.2", "clientauth": "1.3.6.1.5.5.7.3.2",
	"code signing": "1.3.6.1.5.5.7.3.3", "codesigning": "1.3.6.1.5.5.7.3.3",
	"e-mail protection": "1.3.6.1.5.5.7.3.4", "emailprotection": "1.3.6.1.5.5.7.3.4",
	"time stamping": "1.3.6.1.5.5.7.3.8", "timestamping": "1.3.6.1.5.5.7.3.8",
	"ocsp signing": "1.3.6.1.5.5.7.3.9", "ocspsigning": "1.3.6.1.5.5.7.3.9",
	"any extended key usage": "2.5.29.37.0", "anyextendedkeyusage": "2.5.29.37.0",
	"ipsec end system": "1.3.6.1.5.5.7.3.5", "ipsecendsystem": "1.3.6.1.5.5.7.3.5",
}

var (
	extKeyUsageOID = asn1.ObjectIdentifier{2, 5, 29, 37}
	nsCertTypeOID  = asn1.ObjectIdentifier{2, 16, 840, 1, 113730, 1, 1}
)

// CheckExtendedUsage is `remote-cert-eku`: the certificate must state an extended
// key usage, given by its number or by OpenSSL's name for it. The error is a
// *DemandError.
func CheckExtendedUsage(cert *x509.Certificate, usage string) error {
	want := usage
	if oid, ok := extendedUsages[strings.ToLower(usage)]; ok {
		want = oid
	}
	for _, e := range cert.Extensions {
		var have []asn1.ObjectIdentifier
		if !e.Id.Equal(extKeyUsageOID) {
			continue
		}
		if _, err := asn1.Unmarshal(e.Value, &have); err != nil {
			break
		}
		for _, oid := range have {
			if oid.String() == want {
				return nil
			}
		}
	}
	return &DemandError{Cert: cert, Directive: "remote-cert-eku", Got: "as extended key usage " + usages(cert), Want: usage}
}

// CheckNsCertType is `ns-cert-type`: the certificate must have the Netscape
// certificate type, or the extended key usage that took its place. The error is a
// *DemandError.
func CheckNsCertType(cert *x509.Certificate, want Usage) error {
	if _, is := nsCertType(cert, want); is {
		return nil
	}
	for _, u := range cert.ExtKeyUsage {
		if u == want.eku() {
			return nil
		}
	}
	return &DemandError{Cert: cert, Directive: "ns-cert-type", Got: "neither that Netscape type nor the extended key usage", Want: want.String()}
}

// nsCertType reports whether a certificate states a Netscape certificate type,
// and whether that fits the usage.
func nsCertType(cert *x509.Certificate, want Usage) (stated, is bool) {
	bit := 1 // server
	if want == ClientUsage {
		bit = 0
	}
	for _, e := range cert.Extensions {
		var types asn1.BitString
		if e.Id.Equal(nsCertTypeOID) {
			_, err := asn1.Unmarshal(e.Value, &types)
			return true, err == nil && types.At(bit) == 1
		}
	}
	return false, false
}

// PurposeError reports a certificate whose stated purpose rules out the end of TLS
// at which it is used.
type PurposeError struct {
	Cert      *x509.Certificate
	Got, Want string
}

func (e *PurposeError) Error() string {
	return fmt.Sprintf("the certificate of %s has %s, which rules it out here; issue it again with %s", quoteSubject(e.Cert), e.Got, e.Want)
}

// CheckPurpose checks that nothing a certificate states about its key (RFC 5280,
// sections 4.2.1.3 and 4.2.1.12, and the Netscape type) rules out the usage. As with
// OpenSSL, one for any extended key usage is for neither end of TLS. The error is a
// *PurposeError.
func CheckPurpose(cert *x509.Certificate, want Usage) error {
	keys, bits := "key usage digitalSignature", x509.KeyUsageDigitalSignature|x509.KeyUsageKeyAgreement
	if want == ServerUsage {
		bits |= x509.KeyUsageKeyEncipherment
	}
	extended := len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) > 0
	stated, is := nsCertType(cert, want)
	switch {
	case cert.KeyUsage != 0 && cert.KeyUsage&bits == 0:
		return &PurposeError{cert, fmt.Sprintf("key usage %02x", keyUsageBits(cert.KeyUsage)), keys}
	case extended && !slices.Contains(cert.ExtKeyUsage, want.eku()):
		return &PurposeError{cert, "an extended key usage for " + usages(cert), fmt.Sprintf("that of a %v", want)}
	case stated && !is:
		return &PurposeError{cert, "another Netscape certificate type", fmt.Sprintf("that of a %v, or without", want)}
	}
	return nil
}

// NamelessError reports a certificate without a name for its peer.
type NamelessError struct {
	Cert   *x509.Certificate
	Fields []string // of x509-username-field
}

func (e *NamelessError) Error() string {
	field := "common name (CN)"
	if len(e.Fields) > 0 {
		field = strings.Join(e.Fields, " ") + " (x509-username-field)"
	}
	return fmt.Sprintf("the certificate with serial number %x has no %s, by which a peer is known; issue it again with one", e.Cert.SerialNumber, field)
}

// CheckProfile is `tls-cert-profile` for a verified chain. Signatures over SHA-1
// and MD5 get this far only if Verifier.Weak accepted them. The error is a
// *DemandError.
func CheckProfile(chain []*x509.Certificate, profile string) error {
	for i, cert := range chain {
		got, ok := keyAllowed(cert, profile)
		if ok && i+1 < len(chain) && profile == "suiteb" {
			got, ok = cert.SignatureAlgorithm.String(),
				cert.SignatureAlgorithm == x509.ECDSAWithSHA256 || cert.SignatureAlgorithm == x509.ECDSAWithSHA384
		}
		if !ok {
			return &DemandError{Cert: cert, Directive: "tls-cert-profile " + profile, Got: got, Want: profiles[profile]}
		}
	}
	return nil
}

// profiles say what each profile asks of a key.
var profiles = map[string]string{
	"legacy":    "RSA of 1024 bits or an elliptic curve",
	"preferred": "RSA of 2048 bits or an elliptic curve",
	"suiteb":    "ECDSA on P-256 or P-384 with SHA-256 or SHA-384",
}

func keyAllowed(cert *x509.Certificate, profile string) (got string, ok bool) {
	switch key := publicKey(cert).(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		got = fmt.Sprintf("RSA of %d bits", bits)
		return got, profile == "legacy" && bits >= 1024 || profile == "preferred" && bits >= 2048 || profile == "insecure"
	case *ecdsa.PublicKey:
		return "ECDSA on " + key.Params().Name, profile != "suiteb" || key.Curve == elliptic.P256() || key.Curve == elliptic.P384()
	}
	return cert.PublicKeyAlgorithm.String(), profile != "suiteb"
}

// Username returns a peer's name by `x509-username-field`: the values of the fields,
// joined by "_"; "" if one of them is missing. A field is an attribute of the
// subject, by OpenSSL's name for it or by number; serialNumber for the certificate's
// serial number; or ext:subjectAltName for the last mail address there. With no
// fields it is the common name. Control characters become underscores, as with OpenVPN.
func Username(cert *x509.Certificate, fields []string) string {
	if len(fields) == 0 {
		return printable.Value(CommonName(cert))
	}
	var values []string
	for _, field := range fields {
		value := nameField(cert, field)
		if value == "" {
			return ""
		}
		values = append(values, value)
	}
	return printable.Value(strings.Join(values, "_"))
}

func nameField(cert *x509.Certificate, field string) string {
	switch {
	case field == "serialNumber":
		return fmt.Sprintf("0x%X", cert.SerialNumber.Bytes())
	case strings.EqualFold(field, "ext:subjectAltName"):
		if n := len(cert.EmailAddresses); n > 0 {
			return cert.EmailAddresses[n-1]
		}
		return ""
	}
	value := ""
	rdns, _ := subjectRDNs(cert)
	for _, rdn := range rdns {
		for _, a := range rdn {
			if a.Type.String() == field || strings.EqualFold(attributeName(a.Type), field) {
				value = fmt.Sprint(a.Value)
			}
		}
	}
	return value
}

// Attribute is one attribute of a subject: its short name and value.
type Attribute struct{ Name, Value string }

// Attributes returns the attributes of the certificate's subject, in order.
func Attributes(cert *x509.Certificate) []Attribute {
	var all []Attribute
	rdns, _ := subjectRDNs(cert)
	for _, rdn := range rdns {
		for _, a := range rdn {
			all = append(all, Attribute{attributeName(a.Type), fmt.Sprint(a.Value)})
		}
	}
	return all
}

// IsAttribute reports whether an attribute of a subject has this name.
func IsAttribute(name string) bool {
	for _, known := range attributeNames {
		if known == name {
			return true
		}
	}
	return false
}

// SerialHex returns a certificate's serial number as bytes in hex, with colons
// between them.
func SerialHex(cert *x509.Certificate) string {
	var parts []string
	for _, b := range cert.SerialNumber.Bytes() {
		parts = append(parts, fmt.Sprintf("%02x", b))
	}
	return strings.Join(parts, ":")
}
