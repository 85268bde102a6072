package profile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
)

// readAgain is how long a certificate that was read counts as the one in its file.
const readAgain = time.Second

// anew is a server's identity, whose certificate is read again when its file changes, so
// that one that was renewed is shown at the next handshake: of a newcomer, or of a client
// whose keys are renewed. The private key stays. It is safe for concurrent use.
type anew struct {
	config *config.Config
	// judge returns why peers would refuse an identity.
	judge func(tls.Certificate) error
	warn  func(string)

	mu     sync.Mutex
	shown  *tls.Certificate
	text   []byte // of the file, as read last
	looked time.Time
}

// isReread reports whether the certificate of a configuration is read again: that of a
// file, beside a key in this process.
func isReread(c *config.Config) bool {
	f := c.Trust.Cert
	return f != nil && c.Trust.Key != nil && c.Trust.PKCS12 == nil && !f.Inline && f.Name != "" && !isPipe(c.Path(f.Name))
}

// newAnew returns the identity of c, which was read as shown.
func newAnew(c *config.Config, shown tls.Certificate, judge func(tls.Certificate) error, warn func(string)) *anew {
	return &anew{config: c, judge: judge, warn: warn, shown: &shown, text: slices.Clone(c.Trust.Cert.Text)}
}

// get returns the identity to show at a time. A file that cannot be read, as in a chroot,
// or has no certificate that peers would take with this key, changes nothing.
func (a *anew) get(now time.Time) *tls.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.looked.IsZero() && now.Sub(a.looked).Abs() < readAgain {
		return a.shown
	}
	a.looked = now
	path := a.config.Path(a.config.Trust.Cert.Name)
	text, err := process.ReadFile(path)
	if err != nil || bytes.Equal(text, a.text) {
		return a.shown
	}
	a.text = text
	trust := a.config.Trust
	trust.Cert = &config.File{Name: trust.Cert.Name, Text: text, Pos: trust.Cert.Pos}
	next, err := pki.ParseIdentity(ownChain(trust), trust.Key.Text)
	if err == nil {
		err = a.judge(next)
	}
	if err != nil {
		a.warn(fmt.Sprintf("cert %s: it was changed, and the certificate of before stays in use: %v; for a certificate of another key, have the configuration read again (SIGHUP)", path, err))
		return a.shown
	}
	a.shown = &next
	a.warn(fmt.Sprintf("cert %s: read again, valid until %s", path, next.Leaf.NotAfter.UTC().Format(time.DateOnly)))
	return a.shown
}

// showAnew has TLS show the identity of a server's configuration as its file is at each
// handshake.
func showAnew(t *tls.Config, a *anew) {
	t.Certificates = nil // else package tls asks only for clients that name a server
	t.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.get(time.Now()), nil }
}

// Identity returns what a side shows by its TLS settings; nil: nothing.
func Identity(t *tls.Config) *tls.Certificate {
	if len(t.Certificates) > 0 {
		return &t.Certificates[0]
	}
	if t.GetCertificate == nil {
		return nil
	}
	shown, err := t.GetCertificate(nil)
	if err != nil {
		return nil
	}
	return shown
}

// judging returns what judges a certificate that a server is to show.
func (trust *Trust) judging(profile string) func(tls.Certificate) error {
	return func(next tls.Certificate) error {
		if err := pki.CheckProfile([]*x509.Certificate{next.Leaf}, profile); err != nil {
			return err
		}
		if text := unfit(next.Leaf, append(shownWith(next), trust.authorities...), true, time.Now()); text != "" {
			return errors.New(text)
		}
		return nil
	}
}
