package people

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"culvert/store/bolt"
)

// WriteNew writes a file that only its owner can read and that is whole when it has its
// name. It replaces no other: then it fails with fs.ErrExist.
func WriteNew(path string, write func(w io.Writer) error) (err error) {
	taken := fmt.Errorf("%s exists and is never overwritten; choose another name: %w", path, fs.ErrExist)
	if _, err := os.Lstat(path); err == nil {
		return taken
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	b := bufio.NewWriter(f)
	err = write(b)
	if err == nil {
		err = errors.Join(b.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err == nil {
		return nil
	} else if errors.Is(err, fs.ErrExist) {
		return taken
	}
	return os.Rename(f.Name(), path) // a file system without second names
}

// Backup copies the store of a server's directory to a new file, which bolt opens, while
// it is in use.
func Backup(ctx context.Context, dir, path string) error {
	b, err := open(dir)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := WriteNew(path, func(w io.Writer) error { return b.Backup(ctx, w) }); err != nil {
		return err
	}
	copied, err := bolt.Open(path, bolt.Options{})
	if err == nil {
		return copied.Close()
	}
	os.Remove(path)
	return fmt.Errorf("the copy cannot be opened and was removed: %w", err)
}
