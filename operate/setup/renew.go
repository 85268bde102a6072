package setup

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// RenewOptions say which server's certificate to renew.
type RenewOptions struct {
	Dir  string // the server's directory, as made by Init
	Now  time.Time
	Rand io.Reader  // cryptographically secure
	Ask  Passphrase // of the authority's key; nil: nobody knows it
}

// Renew replaces the server's certificate by a new one for the same key, with the
// same names and the name that profiles expect. Clients keep their profiles. It
// returns when the new certificate ends.
func Renew(o RenewOptions) (expires time.Time, err error) {
	fail := func(err error) (time.Time, error) { return time.Time{}, fmt.Errorf("renew: %w", denied(err)) }
	s, err := loadServer(o.Dir, o.Ask)
	if err != nil {
		return fail(err)
	}
	path, old, err := serverCertificate(o.Dir)
	if err != nil {
		return fail(err)
	}
	by := s.authority
	if s.issuer.Issued(old) {
		by = s.issuer
	}
	if !by.Issued(old) {
		return fail(fmt.Errorf("%s is not of the authority in %s; put both back from your copy", path, o.Dir))
	}
	renewed, err := by.Reissue(o.Rand, o.Now, old, serverKey(o.Dir), 0, s.reach.Host, s.reach.ServerName)
	if err != nil {
		return fail(err)
	}
	if err := fill(file{path, renewed.CertPEM, publicFile}); err != nil {
		return fail(err)
	}
	return renewed.NotAfter, nil
}

// Advice says what to do about a server's directory that an earlier version
// made. It is "" if there is nothing to do, or that cannot be known.
func Advice(dir string) string {
	r, err := loadReach(dir)
	if err != nil {
		return ""
	}
	path, cert, err := serverCertificate(dir)
	if err != nil || cert.VerifyHostname(r.ServerName) == nil {
		return ""
	}
	return fmt.Sprintf("%s has the name %s only as its common name; clients that look only at alternative names, such as go-openvpn, refuse it; to fix that, run: culvert renew --dir %s",
		path, r.ServerName, shell(dir))
}

// serverKey is the server's own key, to ask an authority elsewhere with; nil if it cannot
// be read.
func serverKey(dir string) crypto.Signer { return keyIn(filepath.Join(dir, serverKeyFile)) }

// keyIn is the key in a file; nil if it cannot be read.
func keyIn(path string) crypto.Signer {
	text, err := process.ReadFile(path)
	if err != nil {
		return nil
	}
	key, err := pki.ParseKey(text)
	if err != nil {
		return nil
	}
	return key
}

func serverCertificate(dir string) (path string, cert *x509.Certificate, err error) {
	path = filepath.Join(dir, serverCertFile)
	text, err := process.ReadFile(path)
	if err != nil {
		return path, nil, lost(err, dir)
	}
	certs, err := pki.ParseCertificates(text)
	if err != nil {
		return path, nil, fmt.Errorf("%s: %w", path, err)
	}
	return path, certs[0], nil
}
