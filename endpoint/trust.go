package endpoint

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"culvert/config"
	"culvert/pki"
)

// trust is whom a side trusts: authorities, and the lists of what they took
// back. Lists are read again when their files change. It is safe for
// concurrent use.
type trust struct {
	roots   []*x509.Certificate
	lists   []*x509.RevocationList // of capath
	warn    func(string)
	crl     string // crl-verify FILE; "" without
	serials string // crl-verify DIR dir; "" without

	mu     sync.Mutex
	seen   os.FileInfo // the file that listed is from
	listed []*x509.RevocationList
	warned time.Time // when the end of a list was last announced
}

// newTrust reads ca, capath and crl-verify.
func newTrust(c *config.Config, warn func(string)) (*trust, error) {
	if warn == nil {
		warn = func(string) {}
	}
	t := &trust{warn: warn, serials: c.CRLVerifyDir}
	if t.serials != "" {
		if _, err := os.ReadDir(t.serials); err != nil {
			return nil, fmt.Errorf("crl-verify: %w", err)
		}
	}
	if c.CA != nil {
		roots, faults, err := pki.ParseAuthorities(c.CA.Text)
		if err != nil {
			return nil, fileError("ca", c.CA, err)
		}
		t.roots = roots
		t.warnLeftOut(fileError("ca", c.CA, errLeftOut).Error(), faults)
	}
	if c.CAPath != "" {
		if err := t.readDir(c.CAPath); err != nil {
			return nil, fmt.Errorf("capath: %w", err)
		}
	}
	if f := c.CRLVerify; f != nil {
		lists, err := pki.ParseRevocationLists(f.Text)
		if err != nil {
			return nil, fileError("crl-verify", f, err)
		}
		t.listed = lists
		if !f.Inline {
			t.crl = c.Path(f.Name)
			t.seen, _ = os.Stat(t.crl)
		}
	}
	t.warnUnlisted(append(slices.Clone(t.listed), t.lists...))
	return t, nil
}

// hashed are the names that `openssl rehash` gives authorities and lists.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.(r?)[0-9]+$`)

func (t *trust) readDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		m := hashed.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		name := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if m[1] == "r" {
			lists, err := pki.ParseRevocationLists(text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			t.lists = append(t.lists, lists...)
			continue
		}
		roots, faults, err := pki.ParseAuthorities(text)
		if err != nil {
			faults = []error{err}
		}
		t.roots = append(t.roots, roots...)
		t.warnLeftOut(fmt.Sprintf("capath: %s: %v", name, errLeftOut), faults)
	}
	if len(t.roots) == 0 {
		return fmt.Errorf("%s has no authority in it: files are found by names such as 0a1b2c3d.0; run: openssl rehash %s", dir, dir)
	}
	return nil
}

// checkRevoked looks whether a certificate of a verified chain was taken back.
func (t *trust) checkRevoked(chain []*x509.Certificate, now time.Time) error {
	if t.serials != "" {
		if err := t.checkSerials(chain); err != nil {
			return err
		}
	}
	lists := append(t.current(now), t.lists...)
	return pki.CheckRevoked(chain, lists, now, t.roots...)
}

// checkSerials looks for files named by serial numbers.
func (t *trust) checkSerials(chain []*x509.Certificate) error {
	for _, cert := range chain[:max(1, len(chain)-1)] {
		_, err := os.Stat(filepath.Join(t.serials, cert.SerialNumber.String()))
		switch {
		case err == nil:
			return &pki.RevokedError{Cert: cert}
		case !errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("crl-verify: nobody is let in, since it cannot be seen who is revoked: %w", err)
		}
	}
	if _, err := os.Stat(t.serials); err != nil {
		return fmt.Errorf("crl-verify: nobody is let in, since it cannot be seen who is revoked: %w", err)
	}
	return nil
}

// current is what crl-verify lists now. When a changed file cannot be read,
// what it listed before stays.
func (t *trust) current(now time.Time) []*x509.RevocationList {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.crl != "" {
		t.reload()
	}
	t.announce(now)
	return append([]*x509.RevocationList(nil), t.listed...)
}

func (t *trust) reload() {
	info, err := os.Stat(t.crl)
	if err == nil && t.seen != nil && os.SameFile(info, t.seen) && info.ModTime().Equal(t.seen.ModTime()) && info.Size() == t.seen.Size() {
		return
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(t.crl)
	}
	var lists []*x509.RevocationList
	if err == nil {
		lists, err = pki.ParseRevocationLists(text)
	}
	if err != nil {
		t.warn(fmt.Sprintf("crl-verify %s: the list cannot be read, the one before stays in use: %v", t.crl, err))
		return
	}
	t.seen, t.listed, t.warned = info, lists, time.Time{}
	t.warn(fmt.Sprintf("crl-verify %s: read again, %d revoked", t.crl, revoked(lists)))
}

func revoked(lists []*x509.RevocationList) (n int) {
	for _, l := range lists {
		n += len(l.RevokedCertificateEntries)
	}
	return n
}

// Lists that end within endsSoon are announced, once a day.
const (
	endsSoon         = 30 * 24 * time.Hour
	announceInterval = 24 * time.Hour
)

func (t *trust) announce(now time.Time) {
	if now.Sub(t.warned) < announceInterval {
		return
	}
	for _, l := range append(append([]*x509.RevocationList(nil), t.listed...), t.lists...) {
		if left := l.NextUpdate.Sub(now); !l.NextUpdate.IsZero() && left < endsSoon {
			t.warned = now
			t.warn(endOf(l, left))
		}
	}
}
