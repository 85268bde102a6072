package bolt

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"culvert/store"
	"culvert/store/history"
)

// Commit is store.Store's. After an error of the disk the store can be read, and the next
// commit tries again.
func (s *Store) Commit(ctx context.Context, t store.Txn) (store.Revision, error) {
	if err := t.Check(); err != nil {
		return 0, err
	}
	return s.commit(ctx, t)
}

// CommitAll is store.Whole's.
func (s *Store) CommitAll(ctx context.Context, t store.Txn) (store.Revision, error) {
	if err := t.CheckAll(); err != nil {
		return 0, err
	}
	return s.commit(ctx, t)
}

func (s *Store) commit(ctx context.Context, t store.Txn) (store.Revision, error) {
	if err := s.take(ctx); err != nil {
		return 0, err
	}
	defer s.release()
	if s.readOnly != nil {
		return 0, s.readOnly
	}
	if lost := s.lost.Load(); lost != nil {
		return 0, *lost
	}
	w := writing{store: s, txn: t}
	err := s.guard(func() error { return s.db.Update(w.run) })
	switch {
	case errors.Is(err, errNothing):
		return w.before, nil
	case errors.As(err, new(*store.ConflictError)):
		return 0, err
	case err != nil:
		err = s.unwritten(w, err)
	}
	if err != nil {
		return 0, err
	}
	s.remember(w.changes)
	return w.before + 1, nil
}

// remember keeps changes for those who watch.
func (s *Store) remember(changes []store.Change) {
	if !s.o.Unwatched {
		s.log.Add(changes)
	}
}

// writing is a transaction as it is made.
type writing struct {
	store   *Store
	txn     store.Txn
	before  store.Revision
	changes []store.Change
}

// filled is how much of a page stays in use when it is divided, since most records come behind
// those that are there, and grow once. bbolt leaves half of it for records in between. Measured
// with the history of sessions, which is the smallest with this.
const filled = 0.75

// errNothing ends a transaction that changes nothing.
var errNothing = errors.New("nothing changes")

func (w *writing) run(tx *bbolt.Tx) (err error) {
	if w.before, err = w.store.revision(tx); err != nil {
		return err
	}
	kept := tx.Bucket(entries)
	if w.store.o.Large {
		kept.FillPercent = filled
	}
	for _, c := range w.txn.If {
		var now store.Revision
		if v := kept.Get([]byte(c.Key)); v != nil {
			if now, _, err = w.store.parse([]byte(c.Key), v); err != nil {
				return err
			}
		}
		if now != c.Revision {
			return &store.ConflictError{Compare: c, Now: now}
		}
	}
	w.changes = history.Changes(w.txn, w.before+1, func(key string) bool { return kept.Get([]byte(key)) != nil })
	if len(w.changes) == 0 {
		return errNothing
	}
	for _, c := range w.changes {
		if c.Deleted {
			err = kept.Delete([]byte(c.Key))
		} else {
			err = kept.Put([]byte(c.Key), appendEntry(nil, c.Entry))
		}
		if err != nil {
			return err
		}
	}
	return putRevision(tx, w.before+1)
}

// unwritten is what becomes of a transaction after an error. The disk may have it all the
// same, if only the last step failed: then whoever reads sees it, and those who watch have
// to. It counts as kept once another transaction was written behind it.
func (s *Store) unwritten(w writing, err error) error {
	if errors.Is(err, ErrDamaged) {
		return err
	}
	var now store.Revision
	if s.view(func(tx *bbolt.Tx) (err error) { now, err = s.revision(tx); return err }) != nil || now != w.before+1 {
		return s.failed(err)
	}
	if s.guard(func() error { return s.db.Update(func(tx *bbolt.Tx) error { return putRevision(tx, now) }) }) == nil {
		return nil
	}
	s.remember(w.changes)
	return fmt.Errorf("%w; the change counts now, and may be lost if this process ends before the next one is written", s.failed(err))
}
