package profile

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
)

// beforeSuffix is that of the copy of a profile that is kept until its renewed certificate
// was used.
const beforeSuffix = ".before-renewal"

// maxRenewed bounds a certificate that a server gives, in bytes of DER.
const maxRenewed = 8192

// Renewing renews the certificate of a client whose profile has certificate and key in it.
// It is not for concurrent use.
type Renewing struct {
	path    string
	key     []byte // PEM: made for the request that waits for its answer; nil: none does
	written time.Time
}

// NewRenewing returns what renews the certificate of c; nil: it is not in the profile, or
// its key has a passphrase or is elsewhere.
func NewRenewing(c *config.Config) *Renewing {
	t := c.Trust
	if t.Cert == nil || t.Key == nil || !t.Cert.Inline || !t.Key.Inline || t.PKCS12 != nil || t.AskPass != nil || pki.KeyEncrypted(t.Key.Text) ||
		t.Cert.Pos.File == "" || t.Cert.Pos.File != t.Key.Pos.File || c.Process.Chroot != "" {
		return nil
	}
	path, err := filepath.Abs(t.Cert.Pos.File)
	if info, err2 := os.Lstat(path); err != nil || err2 != nil || !info.Mode().IsRegular() {
		return nil
	}
	return &Renewing{path: path}
}

// Request makes a new key, which stays here, and returns the request for its certificate.
// It fails if the profile could not be written afterwards.
func (r *Renewing) Request(own *tls.Certificate) ([]byte, error) {
	text, err := process.ReadFile(r.path)
	if err == nil {
		_, err = r.with(text, own, own.Leaf, nil)
	}
	if err == nil {
		err = r.writable()
	}
	if err != nil {
		return nil, err
	}
	request, key, err := pki.NewRequest(rand.Reader, own.Leaf.Subject.CommonName)
	r.key = key
	return request, err
}

// writable fails if a file in the place of the profile cannot be written.
func (r *Renewing) writable() error {
	info, err := os.Stat(r.path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), "."+filepath.Base(r.path)+".*")
	if err != nil {
		return err
	}
	return errors.Join(keepOwner(f, info), f.Close(), os.Remove(f.Name()))
}

// Take takes the certificate that the server gives for the key of the last Request. It is
// written into the profile in one step, with a copy of what was there before beside it, and
// returned as what to show.
func (r *Renewing) Take(own *tls.Certificate, der []byte, now time.Time) (*tls.Certificate, error) {
	key := r.key
	if r.key = nil; key == nil {
		return nil, errors.New("there was no request for it")
	}
	if len(der) > maxRenewed {
		return nil, fmt.Errorf("a certificate of %d bytes: expected at most %d", len(der), maxRenewed)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	next, err := pki.ParseIdentity(pki.EncodeCertificate(leaf), key)
	if err != nil {
		return nil, err
	}
	switch {
	case !bytes.Equal(leaf.RawSubject, own.Leaf.RawSubject):
		return nil, fmt.Errorf("it is for %s, expected %s", pki.Subject(leaf), pki.Subject(own.Leaf))
	case now.Before(leaf.NotBefore) || !leaf.NotAfter.After(own.Leaf.NotAfter):
		return nil, fmt.Errorf("it is valid from %s to %s, which is of no use: it is %s, and the one before ends on %s", dateOf(leaf.NotBefore), dateOf(leaf.NotAfter), dateOf(now), dateOf(own.Leaf.NotAfter))
	}
	if err := pki.CheckPurpose(leaf, pki.ClientUsage); err != nil {
		return nil, err
	}
	next.Certificate = append(next.Certificate, own.Certificate[1:]...)
	return &next, r.write(own, leaf, key, now)
}

func (r *Renewing) write(own *tls.Certificate, leaf *x509.Certificate, key []byte, now time.Time) error {
	before, err := process.ReadFile(r.path)
	if err != nil {
		return err
	}
	after, err := r.with(before, own, leaf, key)
	if err != nil {
		return err
	}
	info, err := os.Stat(r.path)
	if err != nil {
		return err
	}
	if err := placeAs(r.path+beforeSuffix, before, info); err != nil {
		return err
	}
	if err := placeAs(r.path, after, info); err != nil {
		return err
	}
	r.written = now
	return nil
}

// with is a profile's text with another certificate and key (nil: the same key). It fails
// unless the profile has exactly those that this side shows.
func (r *Renewing) with(text []byte, own *tls.Certificate, leaf *x509.Certificate, key []byte) ([]byte, error) {
	changed := fmt.Errorf("%s has another certificate or key than this client shows; connect again to use that", r.path)
	certFrom, certTo := blockIn(text, "cert")
	keyFrom, keyTo := blockIn(text, "key")
	if certFrom < 0 || keyFrom < 0 {
		return nil, changed
	}
	id, err := pki.ParseIdentity(text[certFrom:certTo], text[keyFrom:keyTo])
	if err != nil || !id.Leaf.Equal(own.Leaf) {
		return nil, changed
	}
	certText := pki.EncodeCertificate(leaf)
	for _, above := range id.Certificate[1:] {
		c, err := x509.ParseCertificate(above)
		if err != nil {
			return nil, err
		}
		certText = append(certText, pki.EncodeCertificate(c)...)
	}
	if key == nil {
		key = text[keyFrom:keyTo]
	}
	first, second := span{certFrom, certTo, certText}, span{keyFrom, keyTo, key}
	if first.from > second.from {
		first, second = second, first
	}
	next := slices.Concat(text[:first.from], first.text, text[first.to:second.from], second.text, text[second.to:])
	return bytes.Replace(next, []byte("Valid until "+dateOf(own.Leaf.NotAfter)), []byte("Valid until "+dateOf(leaf.NotAfter)), 1), nil
}

func dateOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// span is a part of a text, and what takes its place.
type span struct {
	from, to int
	text     []byte
}

// blockIn finds what the one inline block of a name holds; from is -1 if there is not one.
func blockIn(text []byte, name string) (from, to int) {
	from, to = -1, -1
	at := 0
	for line := range bytes.Lines(text) {
		switch word := string(bytes.TrimSpace(line)); {
		case word == "<"+name+">" && from >= 0:
			return -1, -1
		case word == "<"+name+">":
			from = at + len(line)
		case word == "</"+name+">" && to < 0 && from >= 0:
			to = at
		}
		at += len(line)
	}
	if to < 0 {
		return -1, -1
	}
	return from, to
}

// usedAfter is how long after a renewal the sessions' handshakes show the new certificate
// for sure: those that began before are over then.
const usedAfter = time.Minute

// Used removes the copy of before, once a server has seen the certificate that the profile
// has now.
func (r *Renewing) Used(now time.Time) error {
	if !r.written.IsZero() && now.Sub(r.written).Abs() < usedAfter {
		return nil
	}
	if err := os.Remove(r.path + beforeSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// placeAs puts a file in the place of another in one step, with the rights of one that was
// there.
func placeAs(path string, text []byte, as fs.FileInfo) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(as.Mode().Perm()), keepOwner(f, as), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Replace has settings show another certificate from the next handshake on, where they
// show the one before.
func (c Choice) Replace(own, next *tls.Certificate) {
	c.Main.Replace(own, next)
	for _, s := range c.blocks {
		s.Replace(own, next)
	}
}

// Replace is Choice's, for one of them.
func (s *Settings) Replace(own, next *tls.Certificate) {
	if shown := s.Own(); shown != nil && shown.Leaf.Equal(own.Leaf) {
		s.Trust.own.Store(next)
	}
}

// Own is what a client shows; nil: nothing.
func (s *Settings) Own() *tls.Certificate {
	if s.Trust == nil {
		return nil
	}
	return s.Trust.own.Load()
}
