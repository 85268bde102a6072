package profile

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
)

// maxRenewed bounds a certificate that a server gives, in bytes of DER.
const maxRenewed = 8192

// Renewing renews the certificate of a client: with a new key where the profile has both
// in it, and else for the key that it has, so that nothing but the certificate changes, in
// the one file that has it. It is not for concurrent use.
type Renewing struct {
	path    string // of the file with the certificate
	inline  bool   // it is a block of that file, which is the profile
	sameKey bool   // the key stays
	waits   *wanted
	written time.Time
	failed  failure
	keeper  Keeper // nil: this process writes the file
}

// failure is that of writing the certificate that came last; nil: it was written.
type failure struct {
	err error
	at  time.Time
}

// failedPause is how long no other certificate is asked for after one that could not be
// written, although it seemed that it could: a file on which another one is mounted.
const failedPause = 7 * 24 * time.Hour

// wanted is a request that waits for its answer.
type wanted struct {
	key []byte // PEM: made for the request; nil: the key stays
}

// Keeper is another process that writes the file (Renewing.Keep): own is the certificate
// that is in it, next the one to write, both in DER, and key the PEM of its key, nil for the
// key that stays. Without next it says whether it could, and without own it removes the copy
// from before.
type Keeper func(own, next, key []byte) error

// Keep does what a process without rights asks for, as a Keeper. It writes nothing but a
// certificate of the same name, with its key, in the place of the one that the file has.
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
	if r.sameKey != (key == nil) {
		return errors.New("expected a key where the profile has it, and none where the key stays")
	}
	r.waits = &wanted{key}
	leaf, plain, err := r.taken(id, next, time.Now())
	if err != nil {
		return err
	}
	return r.write(id, leaf, plain)
}

// RenewingBy is NewRenewing for a client with a keeper; nil: it has none, and writes itself.
func RenewingBy(c *config.Config, keeper Keeper) (r *Renewing, why string) {
	if c.Process.Chroot != "" && keeper == nil {
		return nil, "its file may be out of reach in the `chroot`, and no process outside of it writes here"
	}
	if r, why = NewRenewing(c); r != nil {
		r.keeper = keeper
	}
	return r, why
}

// NewRenewing returns what renews the certificate of c; nil: it cannot be renewed over its
// session, for a reason in words.
func NewRenewing(c *config.Config) (r *Renewing, why string) {
	t := c.Trust
	switch {
	case t.PKCS12 != nil:
		return nil, "it is in a file of `pkcs12`; one of `cert` and `key` is renewed so"
	case t.Cert == nil:
		return nil, "it has none"
	case t.Key == nil:
		return nil, "its key is elsewhere (`management-external-key`)"
	}
	r = &Renewing{path: c.Path(t.Cert.Name), inline: t.Cert.Inline, sameKey: true}
	if r.inline {
		r.path = t.Cert.Pos.File
	}
	var err error
	if r.path, err = absolute(r.path); err != nil {
		return nil, err.Error()
	}
	text, err := process.ReadFile(r.path)
	if err != nil {
		return nil, "its file cannot be read: " + err.Error()
	}
	if r.inline && t.Key.Inline && t.Key.Pos.File == t.Cert.Pos.File {
		from, to := blockIn(text, "key")
		// One with a passphrase stays: the next one would have none.
		r.sameKey = from >= 0 && pki.KeyEncrypted(text[from:to])
	}
	return r, ""
}

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

// Request returns a request for a certificate: for a new key, which stays here, or for the
// one of own. It fails if the file could not be written afterwards.
func (r *Renewing) Request(own *tls.Certificate) (request []byte, err error) {
	if f := r.failed; f.err != nil && time.Since(f.at).Abs() < failedPause {
		return nil, fmt.Errorf("the last one could not be written: %w", f.err)
	}
	if err := r.could(own); err != nil {
		return nil, err
	}
	r.waits = nil
	var next wanted
	if r.sameKey {
		request, err = requestFor(own)
	} else {
		request, next.key, err = pki.NewRequest(rand.Reader, own.Leaf.Subject.CommonName)
	}
	if err == nil {
		r.waits = &next
	}
	return request, err
}

// requestFor makes a request with the key that a client shows its certificate by.
func requestFor(own *tls.Certificate) ([]byte, error) {
	key, ok := own.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign a request", own.PrivateKey)
	}
	return pki.RequestFor(rand.Reader, key, own.Leaf.Subject.CommonName)
}

// could fails if the file could not be written.
func (r *Renewing) could(own *tls.Certificate) error {
	if r.keeper != nil {
		return r.keeper(own.Leaf.Raw, nil, nil)
	}
	return r.couldWrite(own)
}

// Take takes the certificate that the server gives for the key of the last Request. It is
// written into its file in one step, with a copy of what was there before beside it, and
// returned as what to show.
func (r *Renewing) Take(own *tls.Certificate, der []byte, now time.Time) (*tls.Certificate, error) {
	leaf, key, err := r.taken(own, der, now)
	if err != nil {
		return nil, err
	}
	next := *own
	if key != nil {
		if next, err = pki.ParseIdentity(pki.EncodeCertificate(leaf), key); err != nil {
			return nil, err
		}
	}
	next.Leaf, next.Certificate = leaf, append([][]byte{leaf.Raw}, own.Certificate[1:]...)
	if r.keeper == nil {
		err = r.write(own, leaf, key)
	} else {
		err = r.keeper(own.Leaf.Raw, der, key)
	}
	r.failed = failure{err, now}
	if err == nil {
		r.written = now
	}
	return &next, err
}

// taken is a certificate for the request that waits, which it takes, and its key in PEM;
// nil: the key stays.
func (r *Renewing) taken(own *tls.Certificate, der []byte, now time.Time) (leaf *x509.Certificate, key []byte, err error) {
	waits := r.waits
	if r.waits = nil; waits == nil {
		return nil, nil, errors.New("there was no request for it")
	}
	if len(der) > maxRenewed {
		return nil, nil, fmt.Errorf("a certificate of %d bytes: expected at most %d", len(der), maxRenewed)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		return nil, nil, err
	}
	if key, err = waits.keyOf(own.Leaf, leaf); err != nil {
		return nil, nil, err
	}
	switch {
	case !bytes.Equal(leaf.RawSubject, own.Leaf.RawSubject):
		return nil, nil, fmt.Errorf("it is for %s, expected %s", pki.Subject(leaf), pki.Subject(own.Leaf))
	case now.Before(leaf.NotBefore) || !leaf.NotAfter.After(own.Leaf.NotAfter):
		return nil, nil, fmt.Errorf("it is valid from %s to %s, which is of no use: it is %s, and the one before ends on %s", dateOf(leaf.NotBefore), dateOf(leaf.NotAfter), dateOf(now), dateOf(own.Leaf.NotAfter))
	}
	return leaf, key, pki.CheckPurpose(leaf, pki.ClientUsage)
}

// keyOf returns the key of a certificate in PEM, nil for that of the one before. It fails
// if that is not the key of the request.
func (w *wanted) keyOf(own, leaf *x509.Certificate) ([]byte, error) {
	if w.key == nil {
		if !bytes.Equal(own.RawSubjectPublicKeyInfo, leaf.RawSubjectPublicKeyInfo) {
			return nil, errors.New("it is for another key than that of the certificate before")
		}
		return nil, nil
	}
	id, err := pki.ParseIdentity(pki.EncodeCertificate(leaf), w.key)
	if err != nil {
		return nil, err
	}
	// What is written is the key alone: a text could have lines of a configuration in it.
	plain, err := x509.MarshalPKCS8PrivateKey(id.PrivateKey)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: plain}), err
}

func dateOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// usedAfter is how long after a renewal the sessions' handshakes show the new certificate
// for sure: those that began before are over then.
const usedAfter = time.Minute

// Used removes the copy of before, once a server has seen the certificate that the file has
// now.
func (r *Renewing) Used(now time.Time) error {
	if !r.written.IsZero() && now.Sub(r.written).Abs() < usedAfter {
		return nil
	}
	if r.keeper != nil {
		return r.keeper(nil, nil, nil)
	}
	return r.removeCopy()
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
