// Package store is what outlives a process: accounts, policy, leases, counters. A Store
// is a flat map of keys to values with transactions that compare first, and an ordered
// record of changes to watch. It is made so that a cluster can keep it (etcd), and has
// engines: memory in memory, bolt in a file, remote in another process of this machine.
// Package storetest has the tests that every engine passes.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// Revision counts a store's changes: each transaction that changes something is the next
// one, beginning with 1. As that of an entry it is that of its last change; 0 is that of a
// key that is not there.
type Revision uint64

// Entry is a key with its value. Nobody may change Value.
type Entry struct {
	Key      string
	Value    []byte
	Revision Revision // of its last change
}

// Compare is a condition on a key: that its last change was at Revision, or that it is not
// there (0).
type Compare struct {
	Key      string
	Revision Revision
}

// Put gives a key a value.
type Put struct {
	Key   string
	Value []byte
}

// Txn is a transaction: if all of If hold, all else happens, in one step, and at one
// revision. A key may be changed once in it.
type Txn struct {
	If     []Compare
	Put    []Put
	Delete []string // keys that are not there stay so
}

// Change is what became of a key.
type Change struct {
	Entry
	Deleted bool // Value is nil, and Revision when it was deleted
}

// Snapshot is what a store held at a revision.
type Snapshot struct {
	Entries  []Entry
	Revision Revision
}

// Store is what all engines do. Its methods are safe for concurrent use. A context that
// ends ends a call.
type Store interface {
	// Get returns the entry of a key, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// List returns all entries whose keys begin with a prefix, those of each prefix in turn,
	// in the order of their keys (bytewise), as they all were at one revision.
	List(ctx context.Context, prefixes ...string) (Snapshot, error)
	// Commit makes a transaction, and returns its revision when it is kept: no crash
	// loses it from then on. It fails with a *ConflictError if a condition does not hold.
	// One that changes nothing (deletes what is not there) returns the current revision.
	Commit(ctx context.Context, t Txn) (Revision, error)
	// Watch yields what changes in the keys that begin with prefix, after a revision, in
	// the order of revisions: all changes of one revision at once, by key. It waits for
	// more until ctx ends, and then yields nothing more. If changes since that revision
	// are not known (they are too many, or the store never had that revision, as when a
	// backup took its place), it yields ErrCompacted: list again and watch from there.
	// Any error is its last value.
	Watch(ctx context.Context, prefix string, after Revision) iter.Seq2[[]Change, error]
	// Close ends all that uses the store, with ErrClosed, and has no effect a second time.
	Close() error
}

// Backuper is a Store that can be copied as a whole while it is in use.
type Backuper interface {
	Store
	// Backup writes what the store holds at one revision, as its engine keeps it.
	Backup(ctx context.Context, w io.Writer) error
}

// Whole is a Store that makes large transactions, such as one that replaces all it holds.
// One that is large in any engine is made in steps by others.
type Whole interface {
	Store
	// CommitAll is Commit for a transaction within the limits of CheckAll. A Store that
	// stands before another one fails with ErrSteps if that is not Whole.
	CommitAll(ctx context.Context, t Txn) (Revision, error)
}

// What stores fail with, besides a *ConflictError and the errors of contexts.
var (
	ErrNotFound  = errors.New("there is no such key")
	ErrCompacted = errors.New("changes since that revision are not known")
	ErrClosed    = errors.New("the store is closed")
	ErrSteps     = errors.New("the store makes no large transactions")
)

// ConflictError is a condition of a transaction that did not hold.
type ConflictError struct {
	Compare
	Now Revision // of the key; 0: it is not there
}

// Error says what the condition was.
func (e *ConflictError) Error() string {
	switch {
	case e.Compare.Revision == 0:
		return fmt.Sprintf("%s is there already", e.Key)
	case e.Now == 0:
		return fmt.Sprintf("%s was removed by somebody else meanwhile", e.Key)
	}
	return fmt.Sprintf("%s was changed by somebody else meanwhile", e.Key)
}

// The limits of what a store keeps.
const (
	MaxKey     = 512     // bytes of a key
	MaxValue   = 1 << 20 // bytes of a value
	MaxChanges = 1000    // keys in one transaction, conditions included
	MaxSize    = 8 << 20 // bytes of keys and values that one transaction puts

	MaxAllChanges = 1 << 20   // as MaxChanges, of a large transaction
	MaxAllSize    = 128 << 20 // as MaxSize, of a large transaction
)

// Check fails if no store would take a transaction, whatever it holds: a key or value is
// too long or the key not printable ASCII, a key is changed twice, or it has too much.
func (t *Txn) Check() error { return t.check(MaxChanges, MaxSize) }

// CheckAll is Check for a large transaction.
func (t *Txn) CheckAll() error { return t.check(MaxAllChanges, MaxAllSize) }

func (t *Txn) check(maxChanges, maxSize int) error {
	if n := len(t.If) + len(t.Put) + len(t.Delete); n > maxChanges {
		return fmt.Errorf("a transaction of %d keys: expected at most %d", n, maxChanges)
	}
	size := 0
	changed := make(map[string]bool, len(t.Put)+len(t.Delete))
	once := func(key string) error {
		if changed[key] {
			return fmt.Errorf("key %q: changed twice in one transaction", key)
		}
		changed[key] = true
		return checkKey(key)
	}
	for _, c := range t.If {
		if err := checkKey(c.Key); err != nil {
			return err
		}
	}
	for _, p := range t.Put {
		if err := once(p.Key); err != nil {
			return err
		}
		if len(p.Value) > MaxValue {
			return fmt.Errorf("key %q: a value of %d bytes: expected at most %d", p.Key, len(p.Value), MaxValue)
		}
		size += len(p.Key) + len(p.Value)
	}
	if size > maxSize {
		return fmt.Errorf("a transaction that puts %d bytes: expected at most %d", size, maxSize)
	}
	for _, key := range t.Delete {
		if err := once(key); err != nil {
			return err
		}
	}
	return nil
}

func checkKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return fmt.Errorf("key %.80q: expected 1 to %d bytes", key, MaxKey)
	}
	if i := strings.IndexFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return fmt.Errorf("key %q: expected printable ASCII without spaces", key)
	}
	return nil
}
