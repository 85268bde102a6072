package pki

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// algorithmNames are curves and algorithms that occur in certificates but cannot be
// used here.
var algorithmNames = map[string]string{
	"1.3.132.0.10":            "secp256k1",
	"1.2.840.10045.3.1.1":     "prime192v1",
	"1.3.36.3.3.2.8.1.1.5":    "brainpoolP224r1",
	"1.3.36.3.3.2.8.1.1.7":    "brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.8":    "brainpoolP256t1",
	"1.3.36.3.3.2.8.1.1.11":   "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.12":   "brainpoolP384t1",
	"1.3.36.3.3.2.8.1.1.13":   "brainpoolP512r1",
	"1.3.36.3.3.2.8.1.1.14":   "brainpoolP512t1",
	"1.2.156.10197.1.301":     "SM2",
	"1.3.101.111":             "X448",
	"1.3.101.113":             "Ed448",
	"1.2.840.10040.4.1":       "DSA",
	"1.2.840.10040.4.3":       "DSA with SHA-1",
	"2.16.840.1.101.3.4.3.2":  "DSA with SHA-256",
	"1.2.840.113549.1.1.2":    "MD2 with RSA",
	"1.2.840.113549.1.1.3":    "MD4 with RSA",
	"1.2.840.113549.1.1.10":   "RSA-PSS",
	"2.16.840.1.101.3.4.3.10": "ECDSA with SHA3-256",
	"2.16.840.1.101.3.4.3.14": "RSA with SHA3-256",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44",
	"2.16.840.1.101.3.4.3.18": "ML-DSA-65",
	"2.16.840.1.101.3.4.3.19": "ML-DSA-87",
	"1.2.840.113549.1.1.15":   "SHA-512/224 with RSA",
	"1.2.840.113549.1.1.16":   "SHA-512/256 with RSA",
	"1.3.132.0.26":            "sect233k1",
	"1.3.132.0.16":            "sect283k1",
}

func algorithmName(id asn1.ObjectIdentifier) string {
	if name, ok := algorithmNames[id.String()]; ok {
		return name
	}
	return "number " + id.String()
}

const otherKey = "issue it again over a key that is RSA, ECDSA on P-256, P-384 or P-521, or Ed25519"

// refusal says why crypto/x509 refused a certificate of this host with err, and what
// to do.
func refusal(o *outline, err error) error {
	why := keyRefusal(o.key)
	if why == "" {
		why = Reason(err)
	}
	if name, bad := parseName(o.subject); bad == nil && len(name) > 0 {
		return fmt.Errorf("the certificate of %q cannot be used here: %s", nameString(name), why)
	}
	return errors.New("it cannot be used here: " + why)
}

// keyRefusal says why a public key cannot be used; "" if the key is not the reason.
func keyRefusal(key cryptobyte.String) string {
	var algorithm cryptobyte.String
	var id, curve asn1.ObjectIdentifier
	if !key.ReadASN1(&key, tags.SEQUENCE) || !key.ReadASN1(&algorithm, tags.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&id) {
		return ""
	}
	if name := algorithmNames[id.String()]; name != "" {
		return "its key is of the kind " + name + ", which is not supported here; " + otherKey
	}
	if !id.Equal(ecKeyOID) {
		return ""
	}
	switch {
	case algorithm.PeekASN1Tag(tags.SEQUENCE):
		if named, _ := namedCurve(algorithm); named != nil {
			return ""
		}
		return "its curve is written out (explicit parameters) and is none of P-256, P-384 and P-521; " + otherKey
	case !algorithm.ReadASN1ObjectIdentifier(&curve):
		return "it does not say which curve its key is on; " + otherKey
	}
	for _, c := range curves {
		if c.id.Equal(curve) {
			return ""
		}
	}
	return "its key is on the curve " + algorithmName(curve) + ", which is not supported here; " + otherKey
}

// reasons are what crypto/x509 says about certificates that it does not read, and
// what that means. The first that fits counts.
var reasons = []struct{ said, means string }{
	{"negative serial number", "its serial number is negative; issue it again with a positive one"},
	{"unsupported elliptic curve", "its key is on a curve that is not supported here (brainpool, secp256k1 and others); " + otherKey},
	{"invalid ECDSA parameters", "the curve of its key is written out in full (explicit parameters) in place of its name; issue it again over a key with a named curve (openssl ecparam -param_enc named_curve)"},
	{"invalid PrintableString", "a string of its subject or issuer has characters that its type, PrintableString, does not allow, such as @ or _; issue it again with names in UTF-8 (openssl: string_mask = utf8only)"},
	{"invalid NumericString", "a string of its subject or issuer has characters that its type, NumericString, does not allow; issue it again with names in UTF-8 (openssl: string_mask = utf8only)"},
	{"invalid IA5String", "a string of its subject or issuer has characters that its type, IA5String, does not allow: it is for ASCII alone; issue it again with names in UTF-8 (openssl: string_mask = utf8only)"},
	{"invalid UTF-8 string", "a string of its subject or issuer is said to be UTF-8 and is not; issue it again from a configuration file that is (openssl: utf8 = yes)"},
	{"invalid BMPString", "a string of its subject or issuer is said to be UCS-2 (BMPString) and is not; issue it again with names in UTF-8"},
	{"unsupported string type", "a string of its subject or issuer is of a type that is not supported here, such as UniversalString; issue it again with names in UTF-8 (openssl: string_mask = utf8only)"},
	{"malformed UTCTime", "one of its dates is written as DER does not allow (it lacks the seconds or the zone, or has an offset); issue it again"},
	{"malformed GeneralizedTime", "one of its dates is written as DER does not allow (it lacks the seconds or the zone, or has an offset or fraction); issue it again"},
	{"SAN rfc822Name is malformed", "an address in its subjectAltName (email) has characters that are not ASCII; issue it again without them"},
	{"SAN dNSName is malformed", "a host name in its subjectAltName (DNS) has characters that are not ASCII; issue it again with the name in its xn-- form"},
	{"SAN uniformResourceIdentifier is malformed", "a URI in its subjectAltName has characters that are not ASCII; issue it again without it"},
	{"invalid IP address", "an address in its subjectAltName (IP) is neither IPv4 nor IPv6; issue it again"},
	{"duplicate extension", "it has an extension twice; issue it again with each only once (an openssl configuration that names one in two sections does that)"},
	{"inner and outer signature algorithm", "it names two algorithms for its signature; it was changed after it was signed, or signed wrongly: issue it again"},
	{"RSA key missing NULL parameters", "its RSA key lacks the parameters that RFC 3279 demands; issue it again"},
	{"unsupported type of public key", "its key is of a kind that is not supported here, such as Ed448, DSA or RSA-PSS; " + otherKey},
	{"unsupported public key", "its key is of a kind that is not supported here, such as Ed448, DSA or RSA-PSS; " + otherKey},
	{"RSA key larger than", "its RSA key is larger than 8,192 bits, which costs more than TLS here takes; " + otherKey},
	{"invalid version", "it is of a version after 3; issue it again"},
	{"trailing data", "something follows it; get a fresh copy"},
}

// Reason says in words what an error of crypto/x509 or crypto/tls about reading
// a certificate means, and what to do. For an unknown error it returns the error's
// own text and the advice to get a fresh copy.
func Reason(err error) string {
	text := err.Error()
	for _, r := range reasons {
		if strings.Contains(text, r.said) {
			return r.means
		}
	}
	return "it is damaged or of a kind not supported (" + strings.TrimPrefix(text, "x509: ") + "); get a fresh copy, or issue it again"
}
