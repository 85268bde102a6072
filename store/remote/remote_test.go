package remote

import (
	"path/filepath"
	"testing"

	"culvert/store"
	"culvert/store/memory"
	"culvert/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Test(t, func(t *testing.T) store.Store { return dialed(t, memory.New()) })
}

// dialed serves a store, and returns it as another process has it.
func dialed(t *testing.T, s store.Store) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.sock")
	stop, err := Serve(path, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
