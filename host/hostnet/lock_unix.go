//go:build linux || darwin || freebsd || openbsd

package hostnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// openLock opens or makes a file that only this user may open: whoever can open a
// file can lock it.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s: not trusted: it is a symbolic link; remove it", path)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular() || !owned(info):
		err = fmt.Errorf("%s: not trusted: it must be a regular file that this user owns; remove it, or name another --state-dir", path)
	case info.Mode().Perm()&0o077 != 0:
		err = f.Chmod(0o600)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// tryLock takes the lock of a file, or returns errHeld.
func tryLock(f *os.File) error {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return errHeld
		default:
			return err
		}
	}
}

// PrivateDir makes a directory that only this user can open, and those above it.
// An existing one must be this user's or root's, and nobody else may write to it.
// If it holds nothing but this program's files, it is closed to others.
func PrivateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := TrustDir(dir); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm()&0o077 == 0 || !ownAlone(dir) {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("%w; make it accessible to this user alone (chmod 700)", err)
	}
	return nil
}

// TrustDir returns an error if another user could have made a directory or the
// link to it, or can write there. It wraps fs.ErrNotExist if there is none.
func TrustDir(dir string) error {
	for _, look := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
		info, err := look(dir)
		if err != nil {
			return err
		}
		link := info.Mode()&fs.ModeSymlink != 0
		switch {
		case !owned(info):
			return fmt.Errorf("%s is not trusted: it belongs to another user; remove it, or name another --state-dir", dir)
		case !link && !info.IsDir():
			return fmt.Errorf("%s is not a directory; remove it, or name another --state-dir", dir)
		case !link && info.Mode().Perm()&0o022 != 0:
			return fmt.Errorf("%s is not trusted: other users can write there (mode %v); name a directory of your own with --state-dir", dir, info.Mode())
		}
	}
	return nil
}

// ownAlone reports whether a directory holds nothing but files of this program.
func ownAlone(dir string) bool {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !ownFile(e.Name()) {
			return false
		}
	}
	return err == nil
}

// ownFile reports whether a name is one of this program's files in a state
// directory: journals, the lock, marks of living processes, and sockets of manage.
func ownFile(name string) bool {
	for _, suffix := range []string{journalSuffix, journalSuffix + ".new", ".alive", ".sock"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return name == lockName
}
