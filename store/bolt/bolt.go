// Package bolt is a store in one file (go.etcd.io/bbolt), which one process has open at a
// time. Every commit is on the disk when it returns.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"culvert/store"
	"culvert/store/history"
)

// DefaultWait is how long Open waits for another process that has the file open.
const DefaultWait = 5 * time.Second

// grown is by how much a file grows that is too small, in bytes.
const grown = 256 << 10

// Options say how a file is opened. The zero value is for most.
type Options struct {
	Wait time.Duration // for another process that has it open; 0: DefaultWait
	// ReadOnly opens it for reading alone, beside others that do the same.
	ReadOnly bool
	// Unwatched remembers no changes in memory: nobody is going to watch.
	Unwatched bool
	// Large is for files of very many records, most of which are never changed again. It looks
	// at the beginning of the file when it opens it, and at records when they are read; if one
	// of them was damaged, the next Open looks at all of the file. It fills pages more than the others.
	Large bool
}

// Store is an open file. It needs its path no more, so that its process may give up its
// rights and change its root.
type Store struct {
	path  string
	db    *bbolt.DB
	file  *os.File // that db has open
	log   *history.Log
	turn  chan struct{} // holds one value while somebody writes
	ended chan struct{} // closed by Close
	end   sync.Once
	// readOnly is why nothing can be written; nil: it can.
	readOnly error
	o        Options
	// suspect says that something was found to be damaged since it was opened.
	suspect atomic.Bool
	// lost is why the file can be used no more: bbolt panicked, and may hold its locks. nil
	// until then.
	lost atomic.Pointer[error]
}

// Open opens a file that Create made. The error says what is wrong with the file and
// what to do: it is fs.ErrNotExist, ErrLocked, ErrDamaged or store.ErrNewer, or that of the
// system. A file that may only be read is opened for that: commits fail with ErrReadOnly.
func Open(path string, o Options) (*Store, error) { return open(path, o, migrations) }

func open(path string, o Options, m []migration) (*Store, error) {
	if o.Wait == 0 {
		o.Wait = DefaultWait
	}
	f, readOnly, err := openFile(path, o.ReadOnly)
	if err != nil {
		return nil, err
	}
	if f, err = lock(f, path, readOnly != nil, o.Wait); err != nil {
		return nil, err
	}
	s := &Store{path: path, file: f, turn: make(chan struct{}, 1), ended: make(chan struct{}), readOnly: readOnly, o: o}
	if err := s.load(f, m); err != nil {
		s.shut()
		return nil, err
	}
	return s, nil
}

// openFile opens a file, and if it can only be read, says why. only opens it for reading.
func openFile(path string, only bool) (f *os.File, readOnly, err error) {
	if only {
		f, err = os.Open(path)
		return f, &readOnlyError{path, errors.New("it was opened for that")}, err
	}
	f, err = os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) || isReadOnly(err) {
		if f, only := os.Open(path); only == nil {
			return f, &readOnlyError{path, err}, nil
		}
	}
	if err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
			err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
		}
		if err != nil {
			f.Close()
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; run this as root, or as the file's owner", err)
	}
	return f, nil, err
}

// load has the database opened on a locked file, and checks all of it, or its beginning.
func (s *Store) load(f *os.File, m []migration) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return s.damaged(errors.New("it is empty"))
	}
	quick := s.o.Large && !marked(f)
	verified := verified
	if quick {
		verified = verifyBeginning
	}
	if err := s.guard(func() error { return verified(f) }); err != nil {
		return s.damaged(err)
	}
	err = s.guard(func() (err error) {
		s.db, err = bbolt.Open(s.path, private, &bbolt.Options{
			Timeout: s.o.Wait, ReadOnly: s.readOnly != nil, FreelistType: bbolt.FreelistMapType, InitialMmapSize: mapped,
			OpenFile: func(string, int, os.FileMode) (*os.File, error) { return f, nil },
		})
		return err
	})
	if err != nil {
		return s.unopened(err)
	}
	s.db.AllocSize = grown
	if err := s.migrate(m); err != nil {
		return err
	}
	at, err := s.check(quick)
	if err != nil {
		return err
	}
	s.log = history.New(at)
	return nil
}

// ReadOnly returns why nothing can be written; nil: it can.
func (s *Store) ReadOnly() error { return s.readOnly }

// Get is store.Store's.
func (s *Store) Get(ctx context.Context, key string) (e store.Entry, err error) {
	if err := ctx.Err(); err != nil {
		return e, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		kept := tx.Bucket(entries).Get([]byte(key))
		if kept == nil {
			return store.ErrNotFound
		}
		e, err = s.entry([]byte(key), kept)
		return err
	})
	return e, err
}

// List is store.Store's.
func (s *Store) List(ctx context.Context, prefixes ...string) (snap store.Snapshot, err error) {
	if err := ctx.Err(); err != nil {
		return snap, err
	}
	err = s.view(func(tx *bbolt.Tx) error {
		if snap.Revision, err = s.revision(tx); err != nil {
			return err
		}
		c := tx.Bucket(entries).Cursor()
		var room []byte // for the next values: many are copied at once
		for _, prefix := range prefixes {
			for key, kept := c.Seek([]byte(prefix)); key != nil && strings.HasPrefix(string(key), prefix); key, kept = c.Next() {
				at, value, err := s.parse(key, kept)
				if err != nil {
					return err
				}
				if cap(room)-len(room) < len(value) {
					room = make([]byte, 0, max(len(value), min(2*cap(room), 64<<10), 4<<10))
				}
				room = append(room, value...)
				if len(snap.Entries) == cap(snap.Entries) { // append grows by a quarter
					snap.Entries = slices.Grow(snap.Entries, max(64, len(snap.Entries)))
				}
				snap.Entries = append(snap.Entries, store.Entry{Key: string(key), Value: room[len(room)-len(value) : len(room) : len(room)], Revision: at})
			}
		}
		return nil
	})
	if err != nil {
		return store.Snapshot{}, err
	}
	return snap, nil
}

// Watch is store.Store's.
func (s *Store) Watch(ctx context.Context, prefix string, after store.Revision) iter.Seq2[[]store.Change, error] {
	return func(yield func([]store.Change, error) bool) {
		// What List has seen may not be in the log yet: whoever writes has not returned.
		if s.o.Unwatched {
			yield(nil, fmt.Errorf("%s: its changes are not remembered", s.path))
			return
		}
		if s.take(ctx) == nil {
			s.release()
		}
		s.log.Watch(ctx, prefix, after)(yield)
	}
}

// Backup is store.Backuper's: what it writes is a file that Open opens.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.view(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(&until{w, ctx, s.ended})
		return err
	})
}

// until is a writer that fails when a context or a store ends.
type until struct {
	io.Writer
	ctx   context.Context
	ended <-chan struct{}
}

func (u *until) Write(p []byte) (int, error) {
	select {
	case <-u.ended:
		return 0, store.ErrClosed
	case <-u.ctx.Done():
		return 0, u.ctx.Err()
	default:
		return u.Writer.Write(p)
	}
}

// Close is store.Store's. It waits for what is under way.
func (s *Store) Close() (err error) {
	s.end.Do(func() {
		close(s.ended)
		s.log.Close()
		s.turn <- struct{}{}
		err = s.shut()
	})
	return err
}

// shut closes the file. One of which a part was damaged is marked, so that the next Open finds
// out what else is.
func (s *Store) shut() error {
	if s.suspect.Load() && s.readOnly == nil {
		mark(s.file)
	}
	if s.db == nil || s.lost.Load() != nil {
		return s.file.Close()
	}
	return s.guard(s.db.Close)
}

// view reads.
func (s *Store) view(f func(tx *bbolt.Tx) error) error {
	select {
	case <-s.ended:
		return store.ErrClosed
	default:
	}
	if lost := s.lost.Load(); lost != nil {
		return *lost
	}
	err := s.guard(func() error { return s.db.View(f) })
	if errors.Is(err, bbolterrors.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	return err
}

// take waits for the turn to write.
func (s *Store) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		return store.ErrClosed
	}
	select {
	case <-s.ended:
		s.release()
		return store.ErrClosed
	default:
		return nil
	}
}

func (s *Store) release() { <-s.turn }

var _ store.Backuper = (*Store)(nil)
