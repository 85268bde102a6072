package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"culvert/store"
)

// largeStore is a large store of so many records.
func largeStore(t *testing.T, path string, records int) *Store {
	t.Helper()
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{Large: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var txn store.Txn
	for n := range records {
		txn.Put = append(txn.Put, store.Put{Key: fmt.Sprintf("k/%06d", n), Value: bytes.Repeat([]byte{byte(n)}, 200)})
	}
	if _, err := s.CommitAll(t.Context(), txn); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPack: a file from which most was deleted becomes small, holds the same, and goes on from the
// same revision. One that is in use, or not there, is left alone.
func TestPack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := largeStore(t, path, 20000)
	var txn store.Txn
	for n := range 19000 {
		txn.Delete = append(txn.Delete, fmt.Sprintf("k/%06d", n))
	}
	at, err := s.CommitAll(t.Context(), txn)
	if err != nil {
		t.Fatal(err)
	}
	whole, free, err := s.Sizes()
	if err != nil || free < whole*8/10 || free > whole {
		t.Errorf("%d of %d bytes are free, %v", free, whole, err)
	}
	want, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := Pack(path, Options{Wait: 1}); !errors.Is(err, ErrLocked) {
		t.Errorf("while it is open: %v", err)
	}
	s.Close()
	if err := Pack(path, Options{Large: true}); err != nil {
		t.Fatal(err)
	}
	s, err = Open(path, Options{}) // all of it is looked at
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := s.List(t.Context(), ""); err != nil || got.Revision != at || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d records at %d, want %d at %d; %v", len(got.Entries), got.Revision, len(want.Entries), at, err)
	}
	if now, _, err := s.Sizes(); err != nil || now > whole/8 {
		t.Errorf("it has %d bytes, and had %d; %v", now, whole, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
	if err := Pack(path+"x", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestLarge: a large file of which a record is damaged opens, says so where that is read, and does
// not open the next time. One whose beginning or end is lost does not open at all.
func TestLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := largeStore(t, path, 5000)
	s.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(change func(b []byte) []byte) error {
		if err := os.WriteFile(path, change(bytes.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, Options{Large: true})
		if err == nil {
			defer s.Close()
			_, err = s.Get(t.Context(), "k/004321")
			if _, other := s.Get(t.Context(), "k/000001"); other != nil {
				t.Errorf("another record: %v", other)
			}
		}
		return err
	}
	record := func(b []byte) []byte {
		i := bytes.Index(b, append([]byte("k/004321"), make([]byte, 8-1)...))
		if i < 0 {
			t.Fatal("the record is not there")
		}
		b[i+30] ^= 1
		return b
	}
	if err := spoil(func(b []byte) []byte { return b }); err != nil {
		t.Errorf("undamaged: %v", err)
	}
	if err := spoil(record); !errors.Is(err, ErrDamaged) {
		t.Errorf("where it is read: %v", err)
	}
	if _, err := Open(path, Options{Large: true}); !errors.Is(err, ErrDamaged) {
		t.Errorf("the next time: %v", err)
	}
	for name, change := range map[string]func(b []byte) []byte{
		"empty": func([]byte) []byte { return nil }, "end": func(b []byte) []byte { return b[:len(b)/2] },
		"beginning": func(b []byte) []byte { clear(b[:64<<10]); return b },
	} {
		if err := spoil(change); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
