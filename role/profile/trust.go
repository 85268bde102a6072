package profile

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"time"

	"culvert/access/crl"
	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
)

// Trust is whom a side trusts: authorities, except what they revoked. It is safe for
// concurrent use.
type Trust struct {
	authorities []*x509.Certificate
	revoked     revoked
	warn        func(string)
	own         atomic.Pointer[tls.Certificate] // what a client shows from its next handshake on; nil: nothing
}

// NewTrust reads ca, capath and crl-verify. warn gets what people should know about
// the settings, and from then on about revocation lists and certificates; nil drops
// it. lists is where revocation lists are read from again; nil: the files that c names.
func NewTrust(c *config.Config, warn func(string), lists crl.Source) (*Trust, error) {
	if warn == nil {
		warn = func(string) {}
	}
	t := &Trust{warn: warn}
	if err := t.readAuthorities(c.Trust); err != nil {
		return nil, err
	}
	t.revoked = revoked{
		source: lists, authorities: t.authorities, warn: warn, dir: c.Trust.CRLVerifyDir,
		lists: make(map[string][]*x509.RevocationList), troubles: make(map[string]*trouble), unlisted: make(map[string]bool),
	}
	if err := t.revoked.start(c); err != nil {
		return nil, err
	}
	t.warnUnlisted(t.revoked.all(), time.Now())
	return t, nil
}

// readAuthorities reads ca and capath.
func (t *Trust) readAuthorities(c config.Trust) error {
	if c.CA != nil {
		roots, faults, err := pki.ParseAuthorities(c.CA.Text)
		if err != nil {
			return fileError("ca", c.CA, err)
		}
		t.authorities = roots
		t.warnLeftOut(fileError("ca", c.CA, errLeftOut).Error(), faults)
	}
	if c.CAPath != "" {
		if err := t.readDir(c.CAPath); err != nil {
			return fmt.Errorf("capath: %w", err)
		}
	}
	return nil
}

// hashed matches the names that `openssl rehash` gives to authorities.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)

func (t *Trust) readDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !hashed.MatchString(e.Name()) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		text, err := process.ReadFile(name)
		if err != nil {
			return err
		}
		roots, faults, err := pki.ParseAuthorities(text)
		if err != nil {
			faults = []error{err}
		}
		t.authorities = append(t.authorities, roots...)
		t.warnLeftOut(fmt.Sprintf("capath: %s: %v", name, errLeftOut), faults)
	}
	if len(t.authorities) == 0 {
		return fmt.Errorf("%s has no authority in it: files are found by names such as 0a1b2c3d.0; run: openssl rehash %s", dir, dir)
	}
	return nil
}
