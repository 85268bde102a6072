package history

import (
	"context"
	"errors"
	"testing"

	"culvert/store"
)

// TestBounds: what is remembered is bounded by revisions and by bytes, and one that is
// not remembered is ErrCompacted.
func TestBounds(t *testing.T) {
	l := New(0)
	for range maxRevisions + 5 {
		l.Add([]store.Change{{Entry: store.Entry{Key: "k"}}})
	}
	if _, _, err := l.since(4); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("after 4: %v", err)
	}
	if b, _, err := l.since(5); err != nil || len(b) != maxRevisions {
		t.Errorf("after 5: %d, %v", len(b), err)
	}
	at := l.revision
	for range 3 {
		l.Add([]store.Change{{Entry: store.Entry{Key: "k", Value: make([]byte, maxBytes/2)}}})
	}
	if _, _, err := l.since(at + 1); !errors.Is(err, store.ErrCompacted) {
		t.Errorf("of %d bytes: %v", l.bytes, err)
	}
	if b, _, err := l.since(at + 2); err != nil || len(b) != 1 || l.bytes > maxBytes {
		t.Errorf("of %d bytes: %d, %v", l.bytes, len(b), err)
	}
	l.Add([]store.Change{{Entry: store.Entry{Key: "k", Value: make([]byte, 2*maxBytes)}}})
	if b, _, err := l.since(l.revision - 1); err != nil || len(b) != 1 {
		t.Errorf("one that is larger than all: %d, %v", len(b), err)
	}
}

// TestLater: revisions that the store never had are those of another one, or of one from
// before a backup was put in its place.
func TestLater(t *testing.T) {
	for _, err := range New(3).Watch(context.Background(), "", 4) {
		if !errors.Is(err, store.ErrCompacted) {
			t.Error(err)
		}
		return
	}
}
