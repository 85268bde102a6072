package hostnet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// files are the files of a kernel.
type files struct{}

func (files) readFile(path string) ([]byte, bool, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return b, err == nil, err
}

func (files) writeFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// removeFile removes what a symbolic link leads to, not the link.
func (files) removeFile(path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err == nil {
		err = os.Remove(target)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errGone
	}
	return err
}
