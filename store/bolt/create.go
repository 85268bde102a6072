package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/bbolt"
)

// File is the name of the store in a server's directory.
const File = "store.db"

// private is the mode of files: they hold secrets.
const private = 0o600

// Create makes an empty store in a file, which is whole before it has its name. If there
// is one of that name, it fails with fs.ErrExist.
func Create(path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return fmt.Errorf("create %s: %w", path, advised(err))
	}
	f.Close()
	defer os.Remove(f.Name())
	if err := fill(f.Name()); err != nil {
		return fmt.Errorf("create %s: %w", path, advised(err))
	}
	if err := name(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// fill writes an empty store into an empty file.
func fill(path string) error {
	db, err := bbolt.Open(path, private, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, bucket := range [][]byte{meta, entries} {
			if _, err := tx.CreateBucket(bucket); err != nil {
				return err
			}
		}
		return errors.Join(putNumber(tx, formatKey, uint64(len(migrations))+1), putRevision(tx, 0))
	})
	return errors.Join(err, db.Close())
}

// name gives a file a second name that nobody has. On file systems without second names
// it is renamed.
func name(old, path string) error {
	err := os.Link(old, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	return os.Rename(old, path)
}

// syncDir has the names in a directory on the disk, where that is to be asked for.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
