package profile

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"culvert/host/process"
)

// beforeSuffix is that of the copy of a file that is kept until its renewed certificate was
// used.
const beforeSuffix = ".before-renewal"

// absolute returns the path of a file that can be replaced: a regular one, or a link to one.
func absolute(name string) (string, error) {
	const want = "its file is not a regular file"
	path, err := filepath.Abs(name)
	if name == "" || err != nil || strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/") {
		return "", errors.New(want)
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return "", errors.New(want)
	}
	return path, nil
}

// place is a file in its directory, which stays the same while it is read and replaced.
// Where the path is a link, it is the file that it leads to, so that the link stays.
type place struct {
	dir  *os.Root
	name string
	info fs.FileInfo
	text []byte
}

// openPlace reads a file. close has to be called.
func openPlace(path string) (*place, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenRoot(filepath.Dir(real))
	if err != nil {
		return nil, err
	}
	p := &place{dir: dir, name: filepath.Base(real)}
	if err := p.read(); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return p, nil
}

func (p *place) close() error { return p.dir.Close() }

func (p *place) read() error {
	f, err := p.dir.OpenFile(p.name, os.O_RDONLY|process.NonBlocking, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if p.info, err = f.Stat(); err != nil {
		return err
	}
	if !p.info.Mode().IsRegular() || p.info.Size() > process.MaxFile {
		return fmt.Errorf("%s: expected a regular file of at most %d MiB", p.name, process.MaxFile>>20)
	}
	p.text, err = io.ReadAll(io.LimitReader(f, process.MaxFile))
	return err
}

// beside makes a file next to it, with the owner that it has.
func (p *place) beside() (*os.File, string, error) {
	name := "." + p.name + "." + rand.Text()[:10]
	f, err := p.dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, "", err
	}
	if err := keepOwner(f, p.info); err != nil {
		return nil, "", errors.Join(err, f.Close(), p.dir.Remove(name))
	}
	return f, name, nil
}

// writable fails if a file in its place could not be written.
func (p *place) writable() error {
	f, name, err := p.beside()
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), p.dir.Remove(name))
}

// put puts a text under a name beside it, or in its place, in one step, with the rights and
// the owner that it has.
func (p *place) put(as string, text []byte) error {
	f, name, err := p.beside()
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(p.info.Mode().Perm()), f.Sync(), f.Close())
	if err == nil {
		err = p.dir.Rename(name, as)
	}
	if err != nil {
		return errors.Join(err, p.dir.Remove(name))
	}
	return nil
}

// couldWrite fails, with what to do, if this process could not write the file.
func (r *Renewing) couldWrite(own *tls.Certificate) error {
	p, err := openPlace(r.path)
	if err != nil {
		return r.unwritable(err)
	}
	defer p.close()
	if _, err := r.with(p.text, own, own.Leaf, nil); err != nil {
		return err
	}
	if err := p.writable(); err != nil {
		return r.unwritable(err)
	}
	return nil
}

func (r *Renewing) unwritable(err error) error {
	mend := "have the file and its directory writable for this process"
	if errors.Is(err, syscall.EBUSY) {
		mend = "it is mounted by itself, as into a container: mount its directory"
	}
	return fmt.Errorf("%s cannot be replaced (%w); %s, or ask the server's administrator for a new profile", r.path, err, mend)
}

// write writes a certificate, and a key unless that stays, into the file. Whatever ends it
// half-way, the file has the pair of before or the next one.
func (r *Renewing) write(own *tls.Certificate, leaf *x509.Certificate, key []byte) error {
	p, err := openPlace(r.path)
	if err != nil {
		return err
	}
	defer p.close()
	after, err := r.with(p.text, own, leaf, key)
	if err != nil {
		return err
	}
	if err := p.put(p.name+beforeSuffix, p.text); err != nil {
		return r.unwritable(err)
	}
	if err := p.put(p.name, after); err != nil {
		return r.unwritable(err)
	}
	return nil
}

// removeCopy removes the copy of before, if there is one.
func (r *Renewing) removeCopy() error {
	real, err := filepath.EvalSymlinks(r.path)
	if err == nil {
		err = os.Remove(real + beforeSuffix)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
