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

// openLock opens a file that only this user may open, or makes it: who can open
// a file can lock it.
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
		err = fmt.Errorf("%s: not trusted: it must be a plain file of this user's; remove it, or name another --state-dir", path)
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

// PrivateDir makes a directory that only this user can open, with those above
// it, or trusts one that is there: this user's or root's, where nobody else may
// write. One with nothing but files of this program is closed to others, which
// earlier versions left open.
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
		return fmt.Errorf("%w; have this user alone open it (chmod 700)", err)
	}
	return nil
}

// TrustDir reports why a directory, or the link that leads to it, could be laid
// out by another user. It wraps fs.ErrNotExist where there is none.
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
			return fmt.Errorf("%s is no directory; remove it, or name another --state-dir", dir)
		case !link && info.Mode().Perm()&0o022 != 0:
			return fmt.Errorf("%s is not trusted: other users may write there (mode %v); name a directory of its own with --state-dir", dir, info.Mode())
		}
	}
	return nil
}

// ownAlone reports whether all in a directory is of this package and manage.
func ownAlone(dir string) bool {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if !ownFile(e.Name()) {
			return false
		}
	}
	return err == nil
}

// ownFile reports a name of what this program keeps in a state directory:
// journals, the lock, what marks a living process, and sockets of manage.
func ownFile(name string) bool {
	for _, suffix := range []string{journalSuffix, journalSuffix + ".new", ".alive", ".sock"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return name == lockName
}
