package check

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/operate/conffile"
	"culvert/role/profile"
)

// keyring looks at what a configuration holds of keys, certificates and lists.
type keyring struct{ *subject }

// material looks at keys, certificates and lists: who may read them, whether they can
// be used together, and when they end.
func (s keyring) material() (all []Finding) {
	for _, n := range conffile.Open(s.config) {
		text, mend, _ := strings.Cut(n.Text, "; ")
		all = append(all, Finding{File: n.Pos.File, Line: n.Pos.Line, Severity: Warn, Kind: Insecure, Text: text, Instead: mend})
	}
	found := s.usable()
	for _, f := range s.certificates() {
		if !isAgain(f, found) {
			all = append(all, f)
		}
	}
	all = append(all, ldapFiles(s.config)...)
	all = append(all, s.weakDH()...)
	return append(append(all, found...), s.otherAuthority()...)
}

// isAgain reports whether who checks this side's own certificate says the same of it.
func isAgain(f Finding, said []Finding) bool {
	return !strings.Contains(f.Text, "RSA") && slices.ContainsFunc(said, func(other Finding) bool {
		return other.Line == f.Line && strings.HasPrefix(other.Text, ownCertificate)
	})
}

// ownCertificate is how a profile begins what it says of this side's own certificate.
const ownCertificate = "this side's own certificate"

// usable has the profile make its keys and TLS settings, as a start would, and returns
// what it says of them. Where there are faults, a start would not come that far.
func (s keyring) usable() (all []Finding) {
	t := s.config.Trust
	if len(s.faults) > 0 {
		return nil
	}
	if err := s.armoured(); err != nil {
		all = append(all, s.said(Err, err.Error()))
	}
	switch {
	case t.Secret != nil, t.PKCS12 != nil && t.Cert == nil:
		return all // without TLS, or behind a password
	case t.Key != nil && pki.KeyEncrypted(t.Key.Text):
		return append(all, s.at(s.first("key"), Note, Remark, "the private key is protected by a password, which is asked for at the start; it was not looked at", ""))
	}
	trust, err := profile.NewTrust(s.config, func(text string) { all = append(all, s.said(Warn, text)) }, nil)
	if err == nil {
		_, err = trust.TLS(s.config, s.isServer() || s.config.TLSServer)
	}
	if err != nil {
		all = append(all, s.said(Err, err.Error()))
		return all
	}
	for _, text := range trust.Ending(s.now) {
		all = append(all, s.said(Warn, text))
	}
	return all
}

// armoured reports what is wrong with the keys that both ends share.
func (s keyring) armoured() (err error) {
	switch {
	case s.config.Trust.Secret != nil:
		_, _, err = profile.Static(s.config)
	case s.isServer() || s.config.TLSServer:
		_, err = profile.Armour(s.config)
	default:
		_, err = profile.ClientWrapper(s.config)
	}
	return err
}

// place is how a message about a file begins: where it is named.
var place = regexp.MustCompile(`^(.*):([0-9]+): (.*)$`)

// said makes a finding of a message about keys and certificates, with the line that it
// is about.
func (s keyring) said(severity Severity, text string) Finding {
	f := s.at(nil, severity, Insecure, text, "")
	if severity == Err {
		f.Kind = Fault
	}
	if m := place.FindStringSubmatch(text); m != nil && m[1] == s.name {
		f.Line, _ = strconv.Atoi(m[2])
		f.Text = m[3]
		if key := s.first("key"); key != nil && strings.Contains(f.Text, "pki: key: ") {
			_, reason, _ := strings.Cut(f.Text, "pki: key: ")
			f.Line, f.Text = key.Pos.Line, "key: "+named(s.config.Trust.Key)+": "+reason
		}
		f.Text = strings.Replace(strings.Replace(f.Text, "pki: cert: ", "", 1), "pki: ", "", 1)
		f.Instead = wayOut(f.Text)
		return f
	}
	name, _, _ := strings.Cut(text, ":")
	l := s.first(name)
	switch {
	case l != nil:
	case strings.HasPrefix(text, ownCertificate):
		l = s.first("cert")
	case strings.Contains(text, "tls-cert-profile insecure"):
		l = s.anyOf("tls-cert-profile", "tls-cipher")
	}
	if l != nil {
		f.Line = l.Pos.Line
	}
	return f
}

// waysOut say what to do about a file of another kind, by words of the message.
var waysOut = [][2]string{
	{"CERTIFICATE REQUEST", "have the authority sign the request, and name the certificate that it gives back"},
	{"PKCS7", "convert it: openssl pkcs7 -print_certs -in FILE -out NEWFILE"},
	{"PRIVATE KEY-----\", found a PEM block of type \"CERTIFICATE", "name the file of the private key, which belongs to the certificate"},
	{"CERTIFICATE-----\", found a PEM block of type \"", "name the file of the certificate; this is another one"},
}

func wayOut(text string) string {
	for _, w := range waysOut {
		if strings.Contains(text, w[0]) {
			return w[1]
		}
	}
	return ""
}

// certificates looks at each certificate that is read from ca and cert.
func (s keyring) certificates() (all []Finding) {
	for _, f := range []struct {
		name string
		file *config.File
	}{{"ca", s.config.Trust.CA}, {"cert", s.config.Trust.Cert}} {
		if f.file == nil {
			continue
		}
		certs, _, err := pki.ParseAuthorities(f.file.Text)
		if err != nil {
			continue // usable says why
		}
		for _, cert := range certs {
			for _, text := range s.weakness(cert) {
				found := s.at(nil, Warn, Insecure, f.name+": "+text, "have it issued again")
				found.File, found.Line = f.file.Pos.File, f.file.Pos.Line
				all = append(all, found)
			}
		}
	}
	return all
}

// endsSoon is how long before its end a certificate is worth a word.
const endsSoon = 30 * 24 * time.Hour

// weakness says what is wrong with a certificate, or soon will be. An own one that has
// ended is said by who checks it.
func (s keyring) weakness(cert *x509.Certificate) (texts []string) {
	left := cert.NotAfter.Sub(s.now)
	at := cert.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case left < 0:
		texts = append(texts, "a certificate ended on "+at)
	case left < endsSoon:
		texts = append(texts, "a certificate ends on "+at)
	case cert.NotBefore.After(s.now):
		texts = append(texts, "a certificate begins on "+cert.NotBefore.UTC().Format(time.DateOnly)+" only")
	}
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < 2048 {
			texts = append(texts, fmt.Sprintf("an RSA key of %d bits can be broken; 2048 are the least today", bits))
		}
	case *ecdsa.PublicKey:
		if bits := key.Params().BitSize; bits < 256 {
			texts = append(texts, fmt.Sprintf("a key on a curve of %d bits is too small", bits))
		}
	}
	var weak *pki.WeakError
	if string(cert.RawSubject) != string(cert.RawIssuer) && errors.As(pki.CheckHash(cert), &weak) {
		texts = append(texts, fmt.Sprintf("a certificate is signed over %v, which can be forged", weak.Hash))
	}
	return texts
}
