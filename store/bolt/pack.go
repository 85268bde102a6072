package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/bbolt"
)

// Sizes returns how large the file is, in bytes, and how much of it holds nothing, as after
// records were deleted: the file itself never becomes smaller.
func (s *Store) Sizes() (whole, free int64, err error) {
	if s.readOnly != nil {
		return 0, 0, s.readOnly
	}
	info, err := s.file.Stat()
	if err != nil {
		return 0, 0, err
	}
	err = s.guard(func() error {
		tx, err := s.db.Begin(true) // which counts what is free
		if err != nil {
			return err
		}
		return tx.Rollback()
	})
	stats := s.db.Stats()
	return info.Size(), int64(stats.FreePageN+stats.PendingPageN) * int64(s.db.Info().PageSize), err
}

// packedAtOnce is how many bytes one transaction copies.
const packedAtOnce = 1 << 20

// Pack has another file take the place of one, which holds the same and has no room to spare. It
// is for a file that no process has open. After an error, all is as before.
func Pack(path string, o Options) error {
	s, err := Open(path, o)
	if err != nil {
		return err
	}
	defer s.Close()
	if s.readOnly != nil {
		return s.readOnly
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return s.failed(err)
	}
	f.Close()
	defer os.Remove(f.Name())
	if err := s.copyTo(f.Name()); err != nil {
		return s.failed(err)
	}
	if err := sameOwner(f.Name(), path); err != nil {
		return s.failed(err)
	}
	if runtime.GOOS == "windows" { // which renames nothing over a file that is open
		if err := s.Close(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return s.failed(err)
	}
	return syncDir(dir)
}

// copyTo copies all records into an empty file.
func (s *Store) copyTo(path string) error {
	to, err := bbolt.Open(path, private, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoSync: true})
	if err != nil {
		return err
	}
	err = s.guard(func() error { return bbolt.Compact(to, s.db, packedAtOnce) })
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}
