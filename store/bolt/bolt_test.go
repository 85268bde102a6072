package bolt

import (
	"path/filepath"
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
