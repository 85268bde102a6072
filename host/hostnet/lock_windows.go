package hostnet

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

func openLock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

// tryLock takes the lock of a file, or returns errHeld. The locked part is far behind
// the end of the file, so that others can read who holds it.
func tryLock(f *os.File) error {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errHeld
	}
	return err
}

// holder is who holds the lock of a file.
func holder(f *os.File) string { return signed(f) }

// PrivateDir makes a directory, with those above it, or trusts one that is this
// user's or an administrator's.
func PrivateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return TrustDir(dir)
}

// TrustDir returns an error if another user could have made a directory. It wraps
// fs.ErrNotExist if there is none.
func TrustDir(dir string) error {
	err := trusted(dir)
	if errors.Is(err, errGone) {
		return &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist}
	}
	return err
}
