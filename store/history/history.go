// Package history is what a store in this process remembers of its last changes, for
// those who watch it.
package history

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"culvert/store"
)

// What is remembered at most: revisions, and bytes of keys and values. One revision is
// remembered whatever its size.
const (
	maxRevisions = 10000
	maxBytes     = 64 << 20
)

// Log is the last changes of a store. Make it with New. It is safe for concurrent use.
type Log struct {
	mu       sync.Mutex
	revision store.Revision
	batches  [][]store.Change // the newest last: of revision, revision-1, ...
	bytes    int
	changed  chan struct{} // closed at the next change or the end
	closed   bool
}

// New returns the log of a store whose changes up to a revision are not known.
func New(at store.Revision) *Log { return &Log{revision: at, changed: make(chan struct{})} }

// Changes are those that a transaction makes at a revision, by key; has reports whether
// the store has a key. The values are copies.
func Changes(t store.Txn, at store.Revision, has func(key string) bool) (all []store.Change) {
	for _, p := range t.Put {
		all = append(all, store.Change{Entry: store.Entry{Key: p.Key, Value: bytes.Clone(p.Value), Revision: at}})
	}
	for _, key := range t.Delete {
		if has(key) {
			all = append(all, store.Change{Entry: store.Entry{Key: key, Revision: at}, Deleted: true})
		}
	}
	slices.SortFunc(all, func(a, b store.Change) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// Add adds the changes of the next revision, by key.
func (l *Log) Add(batch []store.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.revision++
	l.batches = append(l.batches, batch)
	l.bytes += size(batch)
	drop := 0
	for n := len(l.batches); n-drop > maxRevisions || n-drop > 1 && l.bytes > maxBytes; drop++ {
		l.bytes -= size(l.batches[drop])
	}
	l.batches = slices.Delete(l.batches, 0, drop)
	l.wake()
}

func size(batch []store.Change) (n int) {
	for _, c := range batch {
		n += len(c.Key) + len(c.Value)
	}
	return n
}

func (l *Log) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// Close ends all that watch, with store.ErrClosed.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.wake()
	}
}

// Watch is store.Store's.
func (l *Log) Watch(ctx context.Context, prefix string, after store.Revision) iter.Seq2[[]store.Change, error] {
	return func(yield func([]store.Change, error) bool) {
		next := after
		for {
			batches, wait, err := l.since(next)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, b := range batches {
				next++
				if own := below(prefix, b); len(own) > 0 && (ctx.Err() != nil || !yield(own, nil)) {
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

// since returns what changed after a revision, and if that is nothing, what closes when
// there is more.
func (l *Log) since(after store.Revision) (batches [][]store.Change, wait <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, nil, store.ErrClosed
	case after > l.revision || l.revision-after > store.Revision(len(l.batches)):
		return nil, nil, store.ErrCompacted
	case after == l.revision:
		return nil, l.changed, nil
	}
	return slices.Clone(l.batches[len(l.batches)-int(l.revision-after):]), nil, nil
}

func below(prefix string, batch []store.Change) (own []store.Change) {
	for _, c := range batch {
		if strings.HasPrefix(c.Key, prefix) {
			own = append(own, c)
		}
	}
	return own
}
