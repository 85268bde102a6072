package bolt

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"culvert/store"
)

func put(t *testing.T, s *Store, key, value string) store.Revision {
	t.Helper()
	at, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: []byte(value)}}})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestAgain: what was committed is there when the file is opened again, and revisions go
// on. Changes from before are not known to watchers.
func TestAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	s := opened(t, path)
	put(t, s, "a", "1")
	put(t, s, "b", "2")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = again(t, path)
	if at := put(t, s, "a", "3"); at != 3 {
		t.Errorf("revision %d", at)
	}
	for after, want := range []error{store.ErrCompacted, store.ErrCompacted, nil} {
		for batch, err := range s.Watch(t.Context(), "", store.Revision(after)) {
			if !errors.Is(err, want) || err == nil && string(batch[0].Value) != "3" {
				t.Errorf("after %d: %v, %v", after, batch, err)
			}
			break
		}
	}
	if err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a store in the place of another: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("files: %v", left)
	}
}

// TestFaults: each has an error that says what it is, and what to do.
func TestFaults(t *testing.T) {
	file, _ := sample(t)
	half := bytes.Clone(file[:len(file)/2])
	newer, header := bytes.Clone(file), bytes.Clone(file)
	for _, at := range []int{0, os.Getpagesize()} {
		order.PutUint32(newer[at+pageHeader+4:], metaFormat+1)
		header[at+pageHeader+30]++
	}
	for _, c := range []struct {
		name string
		file []byte
		is   error
		says string
	}{
		{"empty", []byte{}, ErrDamaged, "it is empty; put a backup in its place"},
		{"text", []byte("users:\n  alice: secret\n"), ErrDamaged, "it does not begin as a store does"},
		{"long text", bytes.Repeat([]byte("users: alice\n"), 1000), ErrDamaged, "it does not begin as a store does"},
		{"newer pages", newer, store.ErrNewer, "its pages have format 3"},
		{"header", header, ErrDamaged, "its header has another checksum"},
		{"truncated", half, ErrDamaged, "its end is lost; put a backup in its place"},
	} {
		path := filepath.Join(t.TempDir(), File)
		if err := os.WriteFile(path, c.file, private); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, Options{})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %v", c.name, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, c.file) {
			t.Errorf("%s: the file was changed", c.name)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("a directory was opened")
	}
}

// changed changes a store's buckets.
func changed(t *testing.T, path string, f func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, private, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(f); err != nil {
		t.Fatal(err)
	}
}

// TestContents: files that bbolt can read, and this program did not write so.
func TestContents(t *testing.T) {
	for _, c := range []struct {
		change func(tx *bbolt.Tx) error
		is     error
		says   string
	}{
		{func(tx *bbolt.Tx) error { return putNumber(tx, formatKey, 7) }, store.ErrNewer, "has format 7, and this program knows up to 1"},
		{func(tx *bbolt.Tx) error { return putNumber(tx, formatKey, 0) }, ErrDamaged, "format 0: expected 1 or more"},
		{func(tx *bbolt.Tx) error { return tx.Bucket(meta).Put(formatKey, []byte("x")) }, ErrDamaged, `format "x": expected a number`},
		{func(tx *bbolt.Tx) error { return tx.Bucket(meta).Delete(revisionKey) }, ErrDamaged, `revision "": expected a number`},
		{func(tx *bbolt.Tx) error { return tx.DeleteBucket(meta) }, nil, "a database of another program"},
		{func(tx *bbolt.Tx) error { return tx.DeleteBucket(entries) }, ErrDamaged, "no bucket entries"},
		{func(tx *bbolt.Tx) error { return tx.Bucket(entries).Put([]byte("k"), []byte("short")) }, ErrDamaged, `record "k" has 5 bytes`},
		{func(tx *bbolt.Tx) error { return tx.Bucket(entries).Put([]byte("k"), make([]byte, 50)) }, ErrDamaged, `record "k" has another checksum`},
		{func(tx *bbolt.Tx) error {
			return tx.Bucket(entries).Put([]byte("k"), appendEntry(nil, store.Entry{Key: "k", Revision: 9}))
		}, ErrDamaged, `record "k" is of revision 9, and the last was 1`},
		{func(tx *bbolt.Tx) error {
			return tx.Bucket(entries).Put([]byte("k"), appendEntry(nil, store.Entry{Key: "other", Revision: 1}))
		}, ErrDamaged, `record "k" has another checksum`},
	} {
		path := filepath.Join(t.TempDir(), File)
		s := opened(t, path)
		put(t, s, "a", "1")
		s.Close()
		changed(t, path, c.change)
		_, err := Open(path, Options{})
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v", c.says, err)
		}
	}
}

// TestMigration: a file that the first version wrote opens, and what later formats change
// is done once, in one step.
func TestMigration(t *testing.T) {
	file, err := os.ReadFile("testdata/format1.db")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), File)
	if err := os.WriteFile(path, file, private); err != nil {
		t.Fatal(err)
	}
	if order.Uint16([]byte{0, 1}) == 1 { // the file is of a machine with the other order
		if _, err := Open(path, Options{}); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
		return
	}
	holds := func(m []migration, want ...string) {
		t.Helper()
		s, err := open(path, Options{}, m)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		snap, err := s.List(t.Context(), "")
		var got []string
		for _, e := range snap.Entries {
			got = append(got, e.Key+"="+string(e.Value))
		}
		if err != nil || snap.Revision != 3 || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%q at %d, %v", got, snap.Revision, err)
		}
	}
	holds(migrations, `groups/staff={"v":1,"r":{"name":"staff"}}`, `users/alice={"v":1,"r":{"name":"alice","created":"2026-11-27T00:00:00Z"}}`)
	ran := 0
	rename := func(tx *bbolt.Tx) error {
		ran++
		b := tx.Bucket(entries)
		return errors.Join(b.Delete([]byte("users/alice")), b.Put([]byte("v2"), appendEntry(nil, store.Entry{Key: "v2", Revision: 3})))
	}
	if _, err := open(path, Options{}, []migration{rename, func(*bbolt.Tx) error { return errors.New("no way") }}); err == nil || !strings.Contains(err.Error(), "from format 1 to 3, which changed nothing: ") {
		t.Error(err)
	}
	for range 2 {
		holds([]migration{rename}, `groups/staff={"v":1,"r":{"name":"staff"}}`, "v2=")
	}
	if ran != 2 {
		t.Errorf("it was changed %d times", ran)
	}
	if _, err := Open(path, Options{}); !errors.Is(err, store.ErrNewer) {
		t.Errorf("by the former version: %v", err)
	}
}

// TestLocked: a second process waits, and then says who has the file.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), File)
	s := opened(t, path)
	_, err := Open(path, Options{Wait: 100 * time.Millisecond})
	if !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && !strings.Contains(err.Error(), "process ") {
		t.Logf("who has it is not known here: %v", err)
	}
	later := make(chan error)
	go func() {
		s, err := Open(path, Options{Wait: time.Minute})
		if err == nil {
			err = s.Close()
		}
		later <- err
	}()
	put(t, s, "a", "1")
	s.Close()
	if err := <-later; err != nil {
		t.Error(err)
	}
}

// TestShortened: a file that loses its end while it is open ends nothing but what is read.
func TestShortened(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows shortens no file that is mapped")
	}
	for _, pages := range []int{2, 0} {
		for _, first := range []string{"read", "write"} {
			path := filepath.Join(t.TempDir(), File)
			s := opened(t, path)
			for i := range 20 {
				put(t, s, strings.Repeat("k", i+1), strings.Repeat("x", 3000))
			}
			if err := os.Truncate(path, int64(pages*os.Getpagesize())); err != nil {
				t.Fatal(err)
			}
			for i := range 4 {
				var err error
				if (first == "read") == (i%2 == 0) {
					_, err = s.List(t.Context(), "")
				} else {
					_, err = s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "a"}}})
				}
				if !errors.Is(err, ErrDamaged) {
					t.Errorf("%d pages, %s first, %d: %v", pages, first, i, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestReadOnly: a file that may only be read is.
func TestReadOnly(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("root may write what nobody may; TestDisk has a file system that can only be read")
	}
	path := filepath.Join(t.TempDir(), File)
	s := opened(t, path)
	put(t, s, "a", "1")
	s.Close()
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	readOnly(t, path)
}

// readOnly is a test of a file with a=1 that can only be read.
func readOnly(t *testing.T, path string) {
	t.Helper()
	s := again(t, path)
	if e, err := s.Get(t.Context(), "a"); err != nil || string(e.Value) != "1" {
		t.Error(e, err)
	}
	_, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "a"}}})
	if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), "; ") {
		t.Error(err)
	}
	if s.ReadOnly() == nil {
		t.Error("it does not say so")
	}
}
