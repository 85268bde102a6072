package people

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"culvert/store"
	"culvert/store/bolt"
)

// directory is a server's directory without a store.
func directory(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "server.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, s store.Store, key string) {
	t.Helper()
	if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key}}}); err != nil {
		t.Error(err)
	}
}

func serve(t *testing.T, dir string) *Host {
	t.Helper()
	h, none, err := Serve(dir)
	if err != nil || h == nil || len(h.Notes) > 0 {
		t.Fatal(h, none, err)
	}
	return h
}

// TestOpen: a command has the file, which it makes; the server after it, with what it
// wrote; a command beside the server, by its socket; and one after it the file again.
func TestOpen(t *testing.T) {
	dir := directory(t)
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, File)); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Error(info, err)
	}
	put(t, first, "a")
	first.Close()
	h := serve(t, dir)
	beside, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	put(t, beside, "b")
	if snap, err := h.List(t.Context(), ""); err != nil || len(snap.Entries) != 2 {
		t.Error(snap, err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(dir, Socket)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
	if _, err := beside.Get(t.Context(), "a"); err == nil {
		t.Error("a server that has ended answers")
	}
	after, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if snap, err := after.List(t.Context(), ""); err != nil || len(snap.Entries) != 2 {
		t.Error(snap, err)
	}
}

// TestRace: a server that begins while a command has the file waits for it, and commands
// that begin meanwhile find the one or the other.
func TestRace(t *testing.T) {
	dir := directory(t)
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	hosts, others := make(chan *Host), make(chan error)
	go func() { hosts <- serve(t, dir) }()
	const commands = 4
	for range commands {
		go func() {
			s, err := Open(dir)
			if err == nil {
				_, err = s.List(context.Background(), "")
				s.Close()
			}
			others <- err
		}()
	}
	put(t, first, "a")
	time.Sleep(50 * time.Millisecond) // they all wait for it
	first.Close()
	defer (<-hosts).Close()
	for range commands {
		if err := <-others; err != nil {
			t.Error(err)
		}
	}
}

// TestDirectories: what is no server's directory gets no store.
func TestDirectories(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "culvert init") {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error(left)
	}
}

// TestUnusable: a server does without a store only where there is none.
func TestUnusable(t *testing.T) {
	dir := directory(t)
	h := serve(t, dir)
	h.Close()
	path := filepath.Join(dir, File)
	if err := os.WriteFile(path, []byte("not a store"), 0o600); err != nil {
		t.Fatal(err)
	}
	if h, none, err := Serve(dir); !errors.Is(err, bolt.ErrDamaged) {
		t.Error(h, none, err)
	}
	os.Remove(path)
	none := filepath.Join(dir, "none")
	if h, why, err := Serve(none); h != nil || why == "" || err != nil {
		t.Error(h, why, err)
	}
}

// TestForget: the socket of a server that was killed goes, one that answers stays.
func TestForget(t *testing.T) {
	dir := directory(t)
	h := serve(t, dir)
	defer h.Close()
	if err := Forget(dir); err != nil {
		t.Error(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put(t, s, "a")
}

// TestWrongDirectory: what is no server's directory, or not for this user, is said in words.
func TestWrongDirectory(t *testing.T) {
	dir := directory(t)
	for path, words := range map[string]string{
		filepath.Join(dir, "server.conf"): "is a file: expected the server's directory, such as " + dir,
		filepath.Join(dir, "none"):        "is not a server's directory",
		filepath.Dir(dir):                 "is not a server's directory",
	} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		return // they may all
	}
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if _, err := Open(dir); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "run this as root") {
		t.Error(err)
	}
}
