// Package memory is a store in memory, for tests and for what needs no more.
package memory

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"culvert/store"
)

// history is how many revisions' changes are known to those who watch.
const history = 10000

// Store is a store in memory. Make it with New.
type Store struct {
	mu       sync.Mutex
	entries  map[string]store.Entry
	keys     []string // sorted
	revision store.Revision
	log      [][]store.Change // the newest last: of revision, revision-1, ...
	changed  chan struct{}    // closed at the next change or the end
	closed   bool
}

// New returns an empty store.
func New() *Store {
	return &Store{entries: make(map[string]store.Entry), changed: make(chan struct{})}
}

// Get is store.Store's.
func (s *Store) Get(ctx context.Context, key string) (store.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return store.Entry{}, err
	}
	e, ok := s.entries[key]
	if !ok {
		return store.Entry{}, store.ErrNotFound
	}
	return e, nil
}

// List is store.Store's.
func (s *Store) List(ctx context.Context, prefix string) (store.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return store.Snapshot{}, err
	}
	snap := store.Snapshot{Revision: s.revision}
	at, _ := slices.BinarySearch(s.keys, prefix)
	for _, key := range s.keys[at:] {
		if !strings.HasPrefix(key, prefix) {
			break
		}
		snap.Entries = append(snap.Entries, s.entries[key])
	}
	return snap, nil
}

// Commit is store.Store's.
func (s *Store) Commit(ctx context.Context, t store.Txn) (store.Revision, error) {
	if err := t.Check(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	for _, c := range t.If {
		if now := s.entries[c.Key].Revision; now != c.Revision {
			return 0, &store.ConflictError{Compare: c, Now: now}
		}
	}
	changes := s.changes(t)
	if len(changes) == 0 {
		return s.revision, nil
	}
	s.revision++
	for _, c := range changes {
		s.apply(c)
	}
	s.log = append(s.log, changes)
	if len(s.log) > history {
		s.log = s.log[len(s.log)-history:]
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return s.revision, nil
}

// changes are those of a transaction, by key.
func (s *Store) changes(t store.Txn) (all []store.Change) {
	for _, p := range t.Put {
		all = append(all, store.Change{Entry: store.Entry{Key: p.Key, Value: bytes.Clone(p.Value), Revision: s.revision + 1}})
	}
	for _, key := range t.Delete {
		if _, there := s.entries[key]; there {
			all = append(all, store.Change{Entry: store.Entry{Key: key, Revision: s.revision + 1}, Deleted: true})
		}
	}
	slices.SortFunc(all, func(a, b store.Change) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func (s *Store) apply(c store.Change) {
	at, there := slices.BinarySearch(s.keys, c.Key)
	switch {
	case c.Deleted:
		delete(s.entries, c.Key)
		s.keys = slices.Delete(s.keys, at, at+1)
		return
	case !there:
		s.keys = slices.Insert(s.keys, at, c.Key)
	}
	s.entries[c.Key] = c.Entry
}

// Watch is store.Store's.
func (s *Store) Watch(ctx context.Context, prefix string, after store.Revision) iter.Seq2[[]store.Change, error] {
	return func(yield func([]store.Change, error) bool) {
		for {
			batches, wait, err := s.since(ctx, after)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, b := range batches {
				after++
				if own := below(prefix, b); len(own) > 0 && !yield(own, nil) {
					return
				}
			}
			if len(batches) > 0 {
				continue
			}
			select {
			case <-wait:
			case <-ctx.Done():
				return
			}
		}
	}
}

// since returns what changed after a revision, and what closes when there is more.
func (s *Store) since(ctx context.Context, after store.Revision) (batches [][]store.Change, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, nil, err
	}
	if after >= s.revision {
		return nil, s.changed, nil
	}
	missing := int(s.revision - after)
	if missing > len(s.log) {
		return nil, nil, store.ErrCompacted
	}
	return s.log[len(s.log)-missing:], nil, nil
}

func below(prefix string, batch []store.Change) (own []store.Change) {
	for _, c := range batch {
		if strings.HasPrefix(c.Key, prefix) {
			own = append(own, c)
		}
	}
	return own
}

// Close is store.Store's.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.changed)
	}
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

var _ store.Store = (*Store)(nil)
