package setup

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// WebFiles are the certificate and the key of a server's web pages by its own authority.
func WebFiles(dir string) (cert, key string) {
	return filepath.Join(dir, webCertFile), filepath.Join(dir, webKeyFile)
}

// PrepareWeb sees to it that a server's directory has a certificate for web pages at a host,
// a name or an address: the one that is there, or a new one by the server's authority.
func PrepareWeb(dir, host string, now time.Time) error {
	const mend = "or have another authority issue one, which browsers and phones trust, and name its files: web-listen ADDRESS:PORT CERT KEY"
	if !IsMade(dir) {
		return fmt.Errorf("a certificate for web pages needs an authority, and this server has none of its own; run it by culvert serve --dir, %s", mend)
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return err
	}
	if webFits(dir, host, now, trusted) {
		return nil
	}
	s, err := unattended(dir)
	if err != nil {
		return fmt.Errorf("a certificate for web pages cannot be issued: %w; start the server once where the authority's key is, %s", err, mend)
	}
	pair, err := s.issuer.IssueServer(rand.Reader, now, host, 0, host)
	if err != nil {
		return err
	}
	cert, key := WebFiles(dir)
	if err := fill(file{key, pair.KeyPEM, privateFile}); err != nil { // a certificate is never there without its key
		return denied(err)
	}
	return denied(fill(file{cert, pair.CertPEM, publicFile}))
}

// webFits reports whether there is a certificate for a host, of a trusted authority, that
// has not ended.
func webFits(dir, host string, now time.Time, trusted []*x509.Certificate) bool {
	certPath, keyPath := WebFiles(dir)
	certText, err := process.ReadFile(certPath)
	keyText, err2 := process.ReadFile(keyPath)
	if err != nil || err2 != nil {
		return false
	}
	id, err := pki.ParseIdentity(certText, keyText)
	return err == nil && id.Leaf.VerifyHostname(host) == nil && now.Before(id.Leaf.NotAfter) &&
		slices.ContainsFunc(trusted, func(a *x509.Certificate) bool { return pki.IssuedBy(id.Leaf, a) })
}

// webTerm is that of the certificate of web pages: zero where there is none.
func webTerm(dir string) (term pki.Term, err error) {
	_, certs, err := certificates(dir, webCertFile)
	if errors.Is(err, fs.ErrNotExist) {
		return term, nil
	}
	if err != nil {
		return term, err
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return term, err
	}
	return termOf(dir, webCertFile, certs[0], trusted)
}

// prolongWeb renews the certificate of web pages. Its key stays.
func prolongWeb(dir string, now time.Time) error {
	s, err := unattended(dir)
	if err != nil {
		return err
	}
	path, keyPath := WebFiles(dir)
	_, certs, err := certificates(dir, webCertFile)
	if err != nil {
		return err
	}
	for _, by := range s.authorities() {
		if !by.Issued(certs[0]) {
			continue
		}
		renewed, err := by.Prolong(rand.Reader, now, certs[0], keyIn(keyPath))
		if err != nil {
			return err
		}
		return fill(file{path, renewed.CertPEM, publicFile})
	}
	return fmt.Errorf("%s is not of the authority in %s", path, dir)
}
