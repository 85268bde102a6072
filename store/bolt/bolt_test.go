package bolt

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"

	"culvert/store"
	"culvert/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Test(t, func(t *testing.T) store.Store { return opened(t, filepath.Join(t.TempDir(), "store.db")) })
}

// opened is a new store, closed at the test's end.
func opened(t *testing.T, path string) *Store {
	t.Helper()
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	return again(t, path)
}

// again opens a store that is there.
func again(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestOpenedReadOnly: several may read a file at once, nobody changes it meanwhile, and what nobody
// watches is not remembered.
func TestOpenedReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	w, err := Open(path, Options{Unwatched: true})
	if err != nil {
		t.Fatal(err)
	}
	put := store.Txn{Put: []store.Put{{Key: "a", Value: []byte("1")}}}
	if _, err := w.Commit(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	for _, err := range w.Watch(t.Context(), "", 0) {
		if err == nil {
			t.Error("a change is remembered")
		}
	}
	if _, err := Open(path, Options{ReadOnly: true, Wait: 1}); runtime.GOOS != "windows" && !errors.Is(err, ErrLocked) {
		t.Errorf("beside one who writes: %v", err)
	}
	w.Close()
	for range 2 {
		r, err := Open(path, Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if e, err := r.Get(t.Context(), "a"); err != nil || string(e.Value) != "1" {
			t.Errorf("%q, %v", e.Value, err)
		}
		if _, err := r.Commit(t.Context(), put); !errors.Is(err, ErrReadOnly) {
			t.Errorf("commit: %v", err)
		}
	}
}
