package process

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file that is rewritten now and then as a whole, even when the
// right to make files beside it was given up in the meantime (Jail), for which
// it is kept open. It is for one goroutine.
type File struct {
	name string
	file *os.File
}

// OpenFile opens or makes a file that File.Replace will rewrite.
func OpenFile(name string) (*File, error) {
	f, err := Create(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &File{name, f}, nil
}

// Replace makes text all that is in the file: in one step, so that readers see
// the old text or the new. Where the directory is out of reach, or the system
// replaces no open files, it is written in place.
func (f *File) Replace(text []byte) error {
	if !canReplaceOpen {
		return f.overwrite(text)
	}
	err := f.swap(text)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return f.overwrite(text)
	}
	return err
}

func (f *File) swap(text []byte) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Lstat(f.name); err != nil || !os.SameFile(info, there) || !info.Mode().IsRegular() {
		return fs.ErrNotExist // a link, a device, or out of reach: only what is open is surely ours
	}
	n, err := os.CreateTemp(filepath.Dir(f.name), filepath.Base(f.name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(n.Name())
	_, err = n.Write(text)
	err = errors.Join(err, n.Chmod(info.Mode().Perm()), n.Sync())
	if err == nil {
		err = os.Rename(n.Name(), f.name)
	}
	if err != nil {
		n.Close()
		return err
	}
	f.file.Close()
	f.file = n
	return nil
}

// overwrite writes before it cuts off, so that a reader never sees nothing.
func (f *File) overwrite(text []byte) error {
	if info, err := f.file.Stat(); err != nil || !info.Mode().IsRegular() {
		_, err = f.file.Write(text) // to a device or pipe
		return err
	}
	if _, err := f.file.WriteAt(text, 0); err != nil {
		return err
	}
	return f.file.Truncate(int64(len(text)))
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }
