package check

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
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
	all = append(all, s.certificates()...)
	all = append(all, ldapFiles(s.config)...)
	if len(s.faults) == 0 {
		all = append(all, s.usable()...)
	}
	return all
}

// usable has the profile make its TLS settings, as a start would, and returns what it
// says of them.
func (s keyring) usable() (all []Finding) {
	t := s.config.Trust
	switch {
	case t.Secret != nil, t.PKCS12 != nil && t.Cert == nil:
		return nil // without TLS, or behind a password
	case t.Key != nil && pki.KeyEncrypted(t.Key.Text):
		return []Finding{s.at(s.first("key"), Note, Remark, "the private key is protected by a password, which is asked for at the start; it was not looked at", "")}
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
		return f
	}
	name, _, _ := strings.Cut(text, ":")
	l := s.first(name)
	switch {
	case l != nil:
	case strings.HasPrefix(text, "this side's own certificate"):
		l = s.first("cert")
	case strings.Contains(text, "tls-cert-profile insecure"):
		l = s.anyOf("tls-cert-profile", "tls-cipher")
	}
	if l != nil {
		f.Line = l.Pos.Line
	}
	return f
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
