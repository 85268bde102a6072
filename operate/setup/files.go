package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// file is a file to write.
type file struct {
	path string
	data []byte
	perm fs.FileMode
}

// writeNew writes all files, and the directories above them, or none. If a file
// exists, it stays as it is and the error wraps fs.ErrExist.
//
// It first creates every file, exclusively and empty; then it renames a complete
// file over each. So no file is lost to a race, and no reader sees half a file.
//
// What else is to be there, all or nothing, finish makes.
func writeNew(files []file, finish ...func() error) (err error) {
	var made []string
	defer func() {
		if err != nil {
			removeAll(made)
		}
	}()
	for _, f := range files {
		dirs, err := makeDirs(filepath.Dir(f.path))
		made = append(made, dirs...)
		if err != nil {
			return err
		}
		if err := reserve(f); err != nil {
			return err
		}
		made = append(made, f.path)
	}
	for _, f := range files {
		if err := fill(f); err != nil {
			return err
		}
	}
	for _, f := range finish {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// removeAll removes paths in reverse order. It ignores failures, since the error
// that led here is the one to report.
func removeAll(paths []string) {
	for i := len(paths) - 1; i >= 0; i-- {
		_ = os.Remove(paths[i])
	}
}

// makeDirs makes dir and its missing parents, and returns those it made.
func makeDirs(dir string) (made []string, err error) {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if parent := filepath.Dir(dir); parent != dir {
		if made, err = makeDirs(parent); err != nil {
			return made, err
		}
	}
	if err := os.Mkdir(dir, privateDir); err != nil {
		return made, err
	}
	return append(made, dir), nil
}

// reserve creates the file, empty.
func reserve(f file) error {
	h, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.perm)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is never overwritten; move it away first, or choose another place: %w", f.path, fs.ErrExist)
	}
	if err != nil {
		return err
	}
	return h.Close()
}

// fill gives a reserved file its content, which is on the disk before the name
// points to it.
func fill(f file) error {
	h, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	_, err = h.Write(f.data)
	err = errors.Join(err, h.Chmod(f.perm), h.Sync(), h.Close())
	if err == nil {
		err = replace(h.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(h.Name())
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	return nil
}

// replace renames a file to the name of another. Windows refuses that while somebody has
// the other open, as a server that reads its revocation list: for a moment.
func replace(from, to string) error {
	const sharingViolation, patience = syscall.Errno(32), time.Second
	err := os.Rename(from, to)
	for wait := time.Millisecond; runtime.GOOS == "windows" && wait < patience; wait *= 2 {
		if !errors.Is(err, sharingViolation) && !errors.Is(err, fs.ErrPermission) {
			break
		}
		time.Sleep(wait)
		err = os.Rename(from, to)
	}
	return err
}

// denied adds to a permission error what to do about it.
func denied(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; run this as root, or as the directory's owner", err)
	}
	return err
}

// lost adds to the error of a missing file what to do about it.
func lost(err error, dir string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; put the file back from your copy of %s", err, dir)
	}
	return err
}
