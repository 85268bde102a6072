package profile

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
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
	keeper  Keeper // nil: this process writes the profile
}

// Keeper is another process that writes the profile (Renewing.Keep): own is the certificate
// that is in it, next the one to write, both in DER, and key the PEM of its key. Without next
// it says whether it could, and without own it removes the copy from before.
type Keeper func(own, next, key []byte) error

// By has another process write the profile.
func (r *Renewing) By(k Keeper) {
	if r != nil {
		r.keeper = k
	}
}

// Keep does what a process without rights asks for, as a Keeper. It writes nothing but a
// certificate of the same name, with its key, in the place of the one that the profile has.
func (r *Renewing) Keep(own, next, key []byte) error {
	if own == nil {
		return r.removeCopy()
	}
	shown, err := x509.ParseCertificate(own)
	if err != nil {
		return err
	}
	id := &tls.Certificate{Leaf: shown}
	if next == nil {
		return r.couldWrite(id)
	}
	r.key = key
	leaf, plain, err := r.taken(id, next, time.Now())
	if err != nil {
		return err
	}
	return r.write(id, leaf, plain, time.Now())
}

// NewRenewing returns what renews the certificate of c; nil: it cannot be renewed over its
// session, for a reason in words.
func NewRenewing(c *config.Config) (r *Renewing, why string) {
	t := c.Trust
	switch {
	case t.PKCS12 != nil:
		return nil, "it is in a file of `pkcs12`"
	case t.Cert == nil:
		return nil, "it has none"
	case t.Key == nil:
		return nil, "its key is elsewhere (`management-external-key`)"
	case !t.Cert.Inline || !t.Key.Inline || t.Cert.Pos.File == "" || t.Cert.Pos.File != t.Key.Pos.File:
		return nil, "certificate and key are in files of their own, not in the profile"
	case t.AskPass != nil || pki.KeyEncrypted(t.Key.Text):
		return nil, lockedKey
	case c.Process.Chroot != "":
		return nil, "the profile is out of reach in the `chroot`"
	}
	path, err := filepath.Abs(t.Cert.Pos.File)
	if info, err2 := os.Lstat(path); err != nil || err2 != nil || !info.Mode().IsRegular() {
		return nil, "the profile is not a regular file"
	}
	text, err := process.ReadFile(path)
	if err != nil {
		return nil, "the profile cannot be read: " + err.Error()
	}
	if from, to := blockIn(text, "key"); from >= 0 && pki.KeyEncrypted(text[from:to]) {
		return nil, lockedKey // it was asked for meanwhile
	}
	return &Renewing{path: path}, ""
}

// lockedKey is why a key is not replaced: the next one would have no passphrase.
const lockedKey = "its key has a passphrase"

// Ending says that a client's own certificate ends soon, and that it has to be replaced by
// hand: why says why it is not renewed over its session, "" that the server did not do that.
// It is "" if there is time.
func Ending(own *x509.Certificate, why string, now time.Time) string {
	if own.NotAfter.Sub(now) >= endsSoon || now.After(own.NotAfter) {
		return ""
	}
	if why == "" {
		why = "the server has not done so"
	}
	return fmt.Sprintf("this client's certificate ends on %s, and is not renewed over its session: %s; ask the server's administrator for a new profile before that day", dateOf(own.NotAfter), why)
}

// Request makes a new key, which stays here, and returns the request for its certificate.
// It fails if the profile could not be written afterwards.
func (r *Renewing) Request(own *tls.Certificate) ([]byte, error) {
	if err := r.could(own); err != nil {
		return nil, err
	}
	request, key, err := pki.NewRequest(rand.Reader, own.Leaf.Subject.CommonName)
	r.key = key
	return request, err
}

// could fails if the profile could not be written.
func (r *Renewing) could(own *tls.Certificate) error {
	if r.keeper != nil {
		return r.keeper(own.Leaf.Raw, nil, nil)
	}
	return r.couldWrite(own)
}

// couldWrite is could, for this process.
func (r *Renewing) couldWrite(own *tls.Certificate) error {
	text, err := process.ReadFile(r.path)
	if err == nil {
		_, err = r.with(text, own, own.Leaf, nil)
	}
	if err == nil {
		err = r.writable()
	}
	return err
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
	leaf, key, err := r.taken(own, der, now)
	if err != nil {
		return nil, err
	}
	next, err := pki.ParseIdentity(pki.EncodeCertificate(leaf), key)
	if err != nil {
		return nil, err
	}
	next.Certificate = append(next.Certificate, own.Certificate[1:]...)
	if r.keeper == nil {
		return &next, r.write(own, leaf, key, now)
	}
	r.written = now
	return &next, r.keeper(own.Leaf.Raw, der, key)
}

// taken is a certificate for the key that waits, which it takes, and that key in PEM.
func (r *Renewing) taken(own *tls.Certificate, der []byte, now time.Time) (leaf *x509.Certificate, key []byte, err error) {
	waits := r.key
	if r.key = nil; waits == nil {
		return nil, nil, errors.New("there was no request for it")
	}
	if len(der) > maxRenewed {
		return nil, nil, fmt.Errorf("a certificate of %d bytes: expected at most %d", len(der), maxRenewed)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		return nil, nil, err
	}
	id, err := pki.ParseIdentity(pki.EncodeCertificate(leaf), waits)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case !bytes.Equal(leaf.RawSubject, own.Leaf.RawSubject):
		return nil, nil, fmt.Errorf("it is for %s, expected %s", pki.Subject(leaf), pki.Subject(own.Leaf))
	case now.Before(leaf.NotBefore) || !leaf.NotAfter.After(own.Leaf.NotAfter):
		return nil, nil, fmt.Errorf("it is valid from %s to %s, which is of no use: it is %s, and the one before ends on %s", dateOf(leaf.NotBefore), dateOf(leaf.NotAfter), dateOf(now), dateOf(own.Leaf.NotAfter))
	}
	if err := pki.CheckPurpose(leaf, pki.ClientUsage); err != nil {
		return nil, nil, err
	}
	// What is written is the key alone: a text could have lines of a configuration in it.
	plain, err := x509.MarshalPKCS8PrivateKey(id.PrivateKey)
	return leaf, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}), err
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
	if r.keeper != nil {
		return r.keeper(nil, nil, nil)
	}
	return r.removeCopy()
}

func (r *Renewing) removeCopy() error {
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
