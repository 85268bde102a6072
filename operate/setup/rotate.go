package setup

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// RotateOptions say how to change the key of a directory's authority.
type RotateOptions struct {
	Dir  string // the server's directory, as made by Init
	Now  time.Time
	Rand io.Reader    // cryptographically secure
	Key  AuthorityKey // where the next authority's key is to be
	Ask  Passphrase   // of the present and of the next authority's key; nil: nobody knows it
}

// Rotation is what Rotate or Finish did.
type Rotation struct {
	Steps []string // in words, those that were made now
	// Next is the authority that signs from now on.
	Next *x509.Certificate
	// Left are the clients that have no certificate of the next authority yet.
	Left []string
	// Retired are the files that the authority before was moved to, after Finish.
	Retired []string
}

func (r *Rotation) step(format string, args ...any) {
	r.Steps = append(r.Steps, fmt.Sprintf(format, args...))
}

// Rotate begins to change the authority's key: it makes the next authority, and has the
// server trust both, with a revocation list of each. From then on, clients' certificates
// are signed by the next one, and the server's stays with the one before, which all
// clients trust. A call that was interrupted is taken up by the next one. Finish ends it.
func Rotate(o RotateOptions) (*Rotation, error) {
	r := new(Rotation)
	if err := o.rotate(r); err != nil {
		return nil, fmt.Errorf("authority rotate: %w", denied(err))
	}
	return r, nil
}

func (o RotateOptions) rotate(r *Rotation) error {
	unlock, err := o.lock()
	if err != nil {
		return err
	}
	defer unlock()
	ask := remembering(o.Ask)
	text, trusted, err := certificates(o.Dir, caCertFile)
	if err != nil {
		return err
	}
	present, err := presentFiles.open(o.Dir, text, ask)
	if err != nil {
		return err
	}
	if !changing(o.Dir) {
		if err := alone(present, trusted); err != nil {
			return err
		}
	}
	next, err := o.next(r, ask)
	if err != nil {
		return err
	}
	if r.Next = next.Certificate(); r.Next.Equal(present.Certificate()) {
		return fmt.Errorf("the authority of %s has changed; to end that, run: culvert authority rotate --finish --dir %s", o.Dir, shell(o.Dir))
	}
	// The list comes before the trust: a certificate of an authority without a list is
	// said to be unchecked.
	if err := o.signLists(r, []*pki.Authority{present, next}); err != nil {
		return err
	}
	if err := o.trust(r, trusted, next); err != nil {
		return err
	}
	r.Left, err = clientsWithout(o.Dir, r.Next, o.Now)
	return err
}

// alone fails if others than the authority, and those above it, are trusted: Finish would
// leave them out.
func alone(present *pki.Authority, trusted []*x509.Certificate) error {
	own, err := union(nil, present)
	if err != nil {
		return err
	}
	for _, c := range trusted {
		if !bytes.Contains(own, pki.EncodeCertificate(c)) {
			return fmt.Errorf("%s also has %s, which is not above the authority that signs; take it out first, and name such authorities in another way (capath)", caCertFile, c.Subject)
		}
	}
	return nil
}

// lock keeps two from changing the authority at once.
func (o RotateOptions) lock() (unlock func(), err error) {
	if _, err := loadReach(o.Dir); err != nil {
		return nil, err
	}
	return lockFile(filepath.Join(o.Dir, nextCertFile), time.Now)
}

// next makes the next authority, or opens the one that an earlier call made.
func (o RotateOptions) next(r *Rotation, ask Passphrase) (*pki.Authority, error) {
	if changing(o.Dir) {
		return openNext(o.Dir, nil, ask)
	}
	m, err := o.Key.make(o.Rand, o.Now)
	if err != nil {
		return nil, err
	}
	// The certificate comes last: with it, there is a next authority. What an
	// interrupted call left of a key before it is of no use.
	key := m.file(o.Dir, nextFiles)
	for _, name := range []string{nextKeyFile, nextSourceFile} {
		if err := os.Remove(filepath.Join(o.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if err := fill(key); err != nil {
		return nil, err
	}
	if err := fill(file{filepath.Join(o.Dir, nextCertFile), m.CertPEM(), publicFile}); err != nil {
		return nil, err
	}
	r.step("made the next authority, %s, in %s and %s", m.Certificate().Subject.CommonName, nextCertFile, filepath.Base(key.path))
	return m.Authority, nil
}

// openNext opens the next authority. It has to be one of trusted, those in ca.crt; nil:
// that is not asked.
func openNext(dir string, trusted []*x509.Certificate, ask Passphrase) (*pki.Authority, error) {
	text, _, err := certificates(dir, nextCertFile)
	if err != nil {
		return nil, err
	}
	next, err := nextFiles.open(dir, text, ask)
	if err != nil {
		return nil, err
	}
	if trusted != nil && !contains(trusted, next.Certificate()) {
		return nil, fmt.Errorf("the change of the authority's key was interrupted; to take it up, run: culvert authority rotate --dir %s", shell(dir))
	}
	return next, nil
}

// signLists gives each of the authorities a list, and leaves those of others: who was
// revoked stays so, also when nobody trusts their authority any more.
func (o RotateOptions) signLists(r *Rotation, authorities []*pki.Authority) error {
	place := listPlace(o.Dir)
	if place.problem != "" {
		return errors.New(place.problem)
	}
	unlock, err := lockFile(place.path, time.Now)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := place.load()
	if err != nil {
		return err
	}
	text, err := all.sign(o.Now, authorities, false, nil)
	if err != nil {
		return err
	}
	changed, err := update(file{place.path, text, publicFile})
	if err == nil && changed {
		r.step("%s has a list of each authority that the server trusts", place.path)
	}
	return err
}

// trust has the server, and the profiles made from now on, trust the next authority, too.
func (o RotateOptions) trust(r *Rotation, trusted []*x509.Certificate, next *pki.Authority) error {
	text, err := union(trusted, next)
	if err != nil {
		return err
	}
	changed, err := update(file{filepath.Join(o.Dir, caCertFile), text, publicFile})
	if err == nil && changed {
		r.step("%s has both authorities", caCertFile)
	}
	return err
}

// union is PEM of trusted and of those that an authority needs.
func union(trusted []*x509.Certificate, next *pki.Authority) (text []byte, err error) {
	chain, err := pki.ParseCertificates(next.CertPEM())
	if err != nil {
		return nil, err
	}
	for _, c := range append(slices.Clone(trusted), chain...) {
		if one := pki.EncodeCertificate(c); !bytes.Contains(text, one) {
			text = append(text, one...)
		}
	}
	return text, nil
}

// update writes a file if it has other content, and reports whether it did.
func update(f file) (changed bool, err error) {
	there, err := process.ReadFile(f.path)
	if err == nil && bytes.Equal(there, f.data) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, fill(f)
}

func contains(certs []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(certs, c.Equal)
}

// clientsWithout are the clients that are let in, but have no certificate of an authority.
func clientsWithout(dir string, authority *x509.Certificate, now time.Time) (names []string, err error) {
	known, err := clientsBy(dir, now)
	if err != nil {
		return nil, err
	}
	for _, c := range known {
		if !pki.IssuedBy(c.certs[0], authority) {
			names = append(names, c.name)
		}
	}
	return names, nil
}

// holder is a client that is let in.
type holder struct {
	name  string
	certs []*x509.Certificate // the newest first
}

func clientsBy(dir string, now time.Time) (all []holder, err error) {
	lists, err := listPlace(dir).load()
	if err != nil {
		return nil, err
	}
	names, err := clientNames(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		certs, err := loadRecord(dir, name)
		if err != nil {
			return nil, err
		}
		if newest := certs[0]; !lists.listed(newest.SerialNumber) && !now.After(newest.NotAfter) {
			all = append(all, holder{name, certs})
		}
	}
	return all, nil
}

// LeftError reports clients that would be shut out.
type LeftError struct {
	Names []string
	Dir   string
	// Renewed says that they have new profiles, and are connected with the old ones.
	Renewed bool
}

func (e *LeftError) Error() string {
	const most = 20
	names := e.Names
	more := ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(e.Names)-most)
	}
	if e.Renewed {
		return fmt.Sprintf("%d clients are connected with a certificate of the authority before, though they were given a new profile, and would be shut out: %s%s; have them use it, or shut them out with --finish --shut-out",
			len(e.Names), strings.Join(names, ", "), more)
	}
	return fmt.Sprintf("%d clients have a certificate of the authority before alone, and would be shut out: %s%s; give each a new profile (%s) or revoke it, or shut them out with --finish --shut-out",
		len(e.Names), strings.Join(names, ", "), more, RenewAnyCommand(e.Dir))
}
