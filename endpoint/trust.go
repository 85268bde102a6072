package endpoint

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"culvert/config"
	"culvert/pki"
	"culvert/process"
)

// Trust is whom a side trusts: authorities, and what they took back. It is safe
// for concurrent use.
type Trust struct {
	roots   []*x509.Certificate
	revoked revoked
}

// NewTrust reads ca, capath and crl-verify. warn is told what a person should
// know of revocation lists, from then on; nil drops it. lists is where these are
// read from again; nil: the files that c names.
func NewTrust(c *config.Config, warn func(string), lists ListSource) (*Trust, error) {
	if warn == nil {
		warn = func(string) {}
	}
	t := new(Trust)
	if c.CA != nil {
		roots, err := pki.ParseCertificates(c.CA.Text)
		if err != nil {
			return nil, fileError("ca", c.CA, err)
		}
		t.roots = roots
	}
	if c.CAPath != "" {
		if err := t.readDir(c.CAPath); err != nil {
			return nil, fmt.Errorf("capath: %w", err)
		}
	}
	t.revoked = revoked{
		source: lists, roots: t.roots, warn: warn, dir: c.CRLVerifyDir,
		lists: make(map[string][]*x509.RevocationList), troubles: make(map[string]*trouble),
	}
	return t, t.revoked.start(c)
}

// hashed are the names that `openssl rehash` gives authorities and lists.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.(r?)[0-9]+$`)

func (t *Trust) readDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		m := hashed.FindStringSubmatch(e.Name())
		if m == nil || m[1] == "r" {
			continue
		}
		name := filepath.Join(dir, e.Name())
		text, err := process.ReadFile(name)
		if err != nil {
			return err
		}
		roots, err := pki.ParseCertificates(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		t.roots = append(t.roots, roots...)
	}
	if len(t.roots) == 0 {
		return fmt.Errorf("%s has no authority in it: files are found by names such as 0a1b2c3d.0; run: openssl rehash %s", dir, dir)
	}
	return nil
}
