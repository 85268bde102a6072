package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"

	bbolterrors "go.etcd.io/bbolt/errors"

	"culvert/store"
)

// What Open and Commit fail with, besides errors of the system.
var (
	ErrDamaged  = errors.New("the file is damaged")
	ErrLocked   = errors.New("another process has it open")
	ErrReadOnly = errors.New("it can only be read")
)

// guard runs f. A file that is damaged, or becomes shorter while it is open, makes bbolt
// panic, or read memory that is not there.
func (s *Store) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = s.damaged(fmt.Errorf("%v", p))
			s.lost.CompareAndSwap(nil, &err)
		}
	}()
	return f()
}

func (s *Store) damaged(why error) error {
	if s.log != nil { // it is open
		s.suspect.Store(true)
	}
	if errors.Is(why, ErrDamaged) {
		return why
	}
	if errors.Is(why, store.ErrNewer) {
		return fmt.Errorf("%s: %w; use that version, or a backup from before", s.path, why)
	}
	return fmt.Errorf("%s: %w: %v; put a backup in its place (culvert backup, or a copy of the directory), or move it away to begin without users", s.path, ErrDamaged, why)
}

// unopened says why bbolt did not open a file.
func (s *Store) unopened(err error) error {
	switch {
	case errors.Is(err, ErrDamaged):
		return err
	case errors.Is(err, bbolterrors.ErrTimeout):
		return lockedBy(s.path, "")
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrVersionMismatch), errors.Is(err, bbolterrors.ErrChecksum):
		return s.damaged(err)
	}
	return fmt.Errorf("%s: %w", s.path, advised(err))
}

// lockedBy is the error of a file that a process has open.
func lockedBy(path, who string) error {
	if who == "" {
		return fmt.Errorf("%s: %w; wait until it has ended, or end it", path, ErrLocked)
	}
	return fmt.Errorf("%s: %w: %s; wait until it has ended, or end it", path, ErrLocked, who)
}

// failed says why something was not written, and what to do.
func (s *Store) failed(err error) error { return fmt.Errorf("%s: %w", s.path, advised(err)) }

// advised adds to an error of the system what to do.
func advised(err error) error {
	switch {
	case isFull(err):
		return fmt.Errorf("%w; make room there: nothing was changed, and nothing has to be started again", err)
	case isReadOnly(err):
		return fmt.Errorf("%w; make the file system writable", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run this as root, or as the owner of the file and its directory", err)
	}
	return err
}

// readOnlyError is why a file can only be read.
type readOnlyError struct {
	path string
	why  error
}

func (e *readOnlyError) Error() string {
	return fmt.Sprintf("%s: %v: %v", e.path, ErrReadOnly, advised(e.why))
}

func (e *readOnlyError) Unwrap() []error { return []error{ErrReadOnly, e.why} }
