package setup

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"culvert/access/pki"
	"culvert/host/process"
)

// Finish ends the change that Rotate began: the next authority signs the server's
// certificate and is the only one that is trusted, and the one before is moved to
// retired/. If clients would be shut out by that, it fails with a *LeftError and changes
// nothing, unless shutOut is set. A call that was interrupted is taken up by the next
// one.
func Finish(o RotateOptions, shutOut bool) (*Rotation, error) {
	r := new(Rotation)
	if err := o.finish(r, shutOut); err != nil {
		return nil, fmt.Errorf("authority rotate --finish: %w", denied(err))
	}
	return r, nil
}

func (o RotateOptions) finish(r *Rotation, shutOut bool) error {
	unlock, err := o.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if !changing(o.Dir) {
		return fmt.Errorf("the key of the authority in %s is not being changed; to begin, run: culvert authority rotate --dir %s", o.Dir, shell(o.Dir))
	}
	_, trusted, err := certificates(o.Dir, caCertFile)
	if err != nil {
		return err
	}
	next, err := openNext(o.Dir, trusted, remembering(o.Ask))
	if err != nil {
		return err
	}
	r.Next = next.Certificate()
	if r.Left, err = clientsWithout(o.Dir, r.Next, o.Now); err != nil {
		return err
	}
	if len(r.Left) > 0 && !shutOut {
		return &LeftError{Names: r.Left, Dir: o.Dir}
	}
	return o.replace(r, next, trusted)
}

// nextOwn are the next authority's own files, in the order in which they are removed: the
// certificate first, without which there is no next authority. What is left of its key then
// is a copy, and the next change removes it.
var nextOwn = []string{nextCertFile, nextKeyFile, nextSourceFile}

// replace puts the next authority into the place of the one before. Each step can be
// made again: the last one, which removes the next authority's own files, ends the
// change with the first of them.
func (o RotateOptions) replace(r *Rotation, next *pki.Authority, trusted []*x509.Certificate) error {
	if err := o.serveBy(r, next); err != nil {
		return err
	}
	if err := o.retire(r, next, trusted); err != nil {
		return err
	}
	// Both stay trusted while the key is exchanged; the first certificate is that of a
	// command that signs.
	both, err := union(nil, next)
	if err != nil {
		return err
	}
	for _, c := range trusted {
		if !strings.Contains(string(both), string(pki.EncodeCertificate(c))) {
			both = append(both, pki.EncodeCertificate(c)...)
		}
	}
	if _, err := update(file{filepath.Join(o.Dir, caCertFile), both, publicFile}); err != nil {
		return err
	}
	if err := o.exchange(r); err != nil {
		return err
	}
	if _, err := update(file{filepath.Join(o.Dir, caCertFile), next.CertPEM(), publicFile}); err != nil {
		return err
	}
	r.step("%s has the authority %s alone", caCertFile, r.Next.Subject.CommonName)
	for _, name := range nextOwn {
		if err := os.Remove(filepath.Join(o.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// serveBy has an authority sign the server's certificate.
func (o RotateOptions) serveBy(r *Rotation, next *pki.Authority) error {
	way, err := loadReach(o.Dir)
	if err != nil {
		return err
	}
	path, old, err := serverCertificate(o.Dir)
	if err != nil || next.Issued(old) {
		return err
	}
	renewed, err := next.Reissue(o.Rand, o.Now, old, serverKey(o.Dir), 0, way.Host, way.ServerName)
	if err != nil {
		return err
	}
	r.step("the server's certificate is signed by %s", next.Certificate().Subject.CommonName)
	return fill(file{path, renewed.CertPEM, publicFile})
}

// retire copies the authority before to retired/, named by its fingerprint.
func (o RotateOptions) retire(r *Rotation, next *pki.Authority, trusted []*x509.Certificate) error {
	for _, c := range signers(trusted) {
		if c.Equal(next.Certificate()) {
			continue
		}
		base := filepath.Join(o.Dir, retiredDir, "ca-"+strings.ToLower(strings.ReplaceAll(pki.Fingerprint(c)[:11], ":", "")))
		if _, err := os.Lstat(base + ".crt"); err == nil {
			continue // an interrupted call copied all of it, and may have exchanged the key since
		}
		if _, err := makeDirs(filepath.Dir(base)); err != nil {
			return err
		}
		var files []file
		for name, ending := range map[string]string{caKeyFile: ".key", sourceFile: ".json"} {
			text, err := process.ReadFile(filepath.Join(o.Dir, name))
			if err == nil {
				files = append(files, file{base + ending, text, privateFile})
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		for _, f := range append(files, file{base + ".crt", pki.EncodeCertificate(c), publicFile}) {
			if err := fill(f); err != nil {
				return err
			}
			r.Retired = append(r.Retired, f.path)
		}
	}
	if len(r.Retired) > 0 {
		r.step("the authority before is kept in %s", filepath.Dir(r.Retired[0]))
	}
	return nil
}

// exchange puts the next authority's key, or the name of its command, into the place of
// the present one's.
func (o RotateOptions) exchange(r *Rotation) error {
	in := func(name string) string { return filepath.Join(o.Dir, name) }
	_, remote, err := nextFiles.command(o.Dir)
	if err != nil {
		return err
	}
	from, to, other := nextKeyFile, caKeyFile, sourceFile
	if remote {
		from, to, other = nextSourceFile, sourceFile, caKeyFile
	}
	text, err := process.ReadFile(in(from))
	if err != nil {
		return err
	}
	changed, err := update(file{in(to), text, privateFile})
	if err != nil {
		return err
	}
	if err := os.Remove(in(other)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if changed {
		r.step("%s is the next authority's", to)
	}
	return nil
}
