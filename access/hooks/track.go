package hooks

import (
	"crypto/sha1" // names certificates in variables, as programs expect
	"crypto/x509"
	"fmt"
	"net"
	"strings"

	"culvert/access/pki"
)

// trackable are the attributes beside those of a subject that x509-track finds, by
// OpenSSL's short names. A function returns "" if the certificate has none.
var trackable = map[string]func(*x509.Certificate) string{
	"SHA1":                 func(c *x509.Certificate) string { sum := sha1.Sum(c.Raw); return upperColons(sum[:]) },
	"subjectAltName":       altNames,
	"subjectKeyIdentifier": func(c *x509.Certificate) string { return upperColons(c.SubjectKeyId) },
	"basicConstraints":     basicConstraints,
	"keyUsage":             keyUsage,
	"extendedKeyUsage":     extendedKeyUsage,
}

// CheckTrack fails for an attribute of x509-track that is not known.
func CheckTrack(attributes []string) error {
	for _, a := range attributes {
		name := strings.TrimPrefix(a, "+")
		if _, ok := trackable[name]; !ok && !pki.IsAttribute(name) {
			return fmt.Errorf("x509-track %s: no such attribute of a certificate; write a short name such as CN, OU, subjectAltName or keyUsage, in that spelling", a)
		}
	}
	return nil
}

// setTracked sets the attributes of a certificate that x509-track names; as with
// OpenVPN, the last named comes first, and of several values in a subject the first
// counts.
func (e *Env) setTracked(depth int, cert *x509.Certificate, attributes []string) {
	subject := pki.Attributes(cert)
	for i := len(attributes) - 1; i >= 0; i-- {
		name, chain := strings.CutPrefix(attributes[i], "+")
		if depth > 0 && !chain {
			continue
		}
		if value := tracked(cert, subject, name); value != "" {
			e.setAttribute(fmt.Sprintf("X509_%d_%s", depth, name), value)
		}
	}
}

func tracked(cert *x509.Certificate, subject []pki.Attribute, name string) string {
	if f, ok := trackable[name]; ok {
		return f(cert)
	}
	for _, a := range subject {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

func upperColons(bytes []byte) string { return strings.ToUpper(withColons(bytes)) }

// altNames writes subjectAltName as OpenSSL does, by kinds.
func altNames(c *x509.Certificate) string {
	var all []string
	for _, n := range c.DNSNames {
		all = append(all, "DNS:"+n)
	}
	for _, n := range c.EmailAddresses {
		all = append(all, "email:"+n)
	}
	for _, n := range c.URIs {
		all = append(all, "URI:"+n.String())
	}
	for _, n := range c.IPAddresses {
		all = append(all, "IP Address:"+openSSLAddress(n))
	}
	return strings.Join(all, ", ")
}

// openSSLAddress writes an IPv6 address in eight groups, without zeros in front.
func openSSLAddress(a net.IP) string {
	if a.To4() != nil || len(a) != net.IPv6len {
		return a.String()
	}
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%X", int(a[2*i])<<8|int(a[2*i+1]))
	}
	return strings.Join(groups, ":")
}

func basicConstraints(c *x509.Certificate) string {
	switch {
	case !c.BasicConstraintsValid:
		return ""
	case !c.IsCA:
		return "CA:FALSE"
	case c.MaxPathLen > 0 || c.MaxPathLenZero:
		return fmt.Sprintf("CA:TRUE, pathlen:%d", c.MaxPathLen)
	}
	return "CA:TRUE"
}

func keyUsage(c *x509.Certificate) string {
	words := []string{"Digital Signature", "Non Repudiation", "Key Encipherment", "Data Encipherment", "Key Agreement", "Certificate Sign", "CRL Sign", "Encipher Only", "Decipher Only"}
	var all []string
	for i, word := range words {
		if c.KeyUsage&(1<<i) != 0 {
			all = append(all, word)
		}
	}
	return strings.Join(all, ", ")
}

func extendedKeyUsage(c *x509.Certificate) string {
	words := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "Any Extended Key Usage", x509.ExtKeyUsageServerAuth: "TLS Web Server Authentication",
		x509.ExtKeyUsageClientAuth: "TLS Web Client Authentication", x509.ExtKeyUsageCodeSigning: "Code Signing",
		x509.ExtKeyUsageEmailProtection: "E-mail Protection", x509.ExtKeyUsageTimeStamping: "Time Stamping",
		x509.ExtKeyUsageOCSPSigning: "OCSP Signing",
	}
	var all []string
	for _, u := range c.ExtKeyUsage {
		if words[u] != "" {
			all = append(all, words[u])
		}
	}
	for _, oid := range c.UnknownExtKeyUsage {
		all = append(all, oid.String())
	}
	return strings.Join(all, ", ")
}
