// Package memory is a store in memory, for tests and for what needs no more.
package memory

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"culvert/store"
	"culvert/store/history"
)

// Store is a store in memory. Make it with New.
type Store struct {
	mu       sync.Mutex
	entries  map[string]store.Entry
	keys     []string // sorted
	revision store.Revision
	log      *history.Log
	closed   bool
}

// New returns an empty store.
func New() *Store {
	return &Store{entries: make(map[string]store.Entry), log: history.New(0)}
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
func (s *Store) List(ctx context.Context, prefixes ...string) (store.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return store.Snapshot{}, err
	}
	snap := store.Snapshot{Revision: s.revision}
	for _, prefix := range prefixes {
		at, _ := slices.BinarySearch(s.keys, prefix)
		for _, key := range s.keys[at:] {
			if !strings.HasPrefix(key, prefix) {
				break
			}
			snap.Entries = append(snap.Entries, s.entries[key])
		}
	}
	return snap, nil
}

// Commit is store.Store's.
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
	changes := history.Changes(t, s.revision+1, func(key string) bool { _, there := s.entries[key]; return there })
	if len(changes) == 0 {
		return s.revision, nil
	}
	s.revision++
	for _, c := range changes {
		s.apply(c)
	}
	s.log.Add(changes)
	return s.revision, nil
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
	return s.log.Watch(ctx, prefix, after)
}

// Close is store.Store's.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.log.Close()
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

var _ store.Whole = (*Store)(nil)
