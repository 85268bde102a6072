package crl

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestFileSetBack: a file written in place much later, with as many bytes and its
// time set back, is read again: nobody can set back the time of the last change.
func TestFileSetBack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the system does not say when a file was changed")
	}
	path := filepath.Join(t.TempDir(), "crl.pem")
	write(t, path, "one")
	f, later := NewFiles(Names{File: path}, os.ReadFile), time.Now().Add(time.Hour)
	first := f.Read(later, 0)
	if got := string(first.Files[path]); got != "one" {
		t.Fatalf("read %q", got)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for changed := changeTime(path); changeTime(path).Equal(changed); {
		write(t, path, "two")
		if err := os.Chtimes(path, time.Time{}, before.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	if again := f.Read(later, first.Number); again == nil || string(again.Files[path]) != "two" {
		t.Errorf("read %v after it was changed", again)
	}
}

// TestFailedFile: of a file that is gone the last text stays, with what is wrong.
func TestFailedFile(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "crl.pem"), time.Now()
	write(t, path, "one")
	f := NewFiles(Names{File: path}, os.ReadFile)
	first := f.Read(now, 0)
	if f.Read(now, first.Number) != nil {
		t.Error("unchanged files were read as changed")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	gone := f.Read(now, first.Number)
	if gone == nil || string(gone.Files[path]) != "one" || gone.Failed[path] == "" {
		t.Fatalf("read %v after the file was removed", gone)
	}
	write(t, path, "one")
	if back := f.Read(now, gone.Number); back == nil || len(back.Failed) != 0 {
		t.Errorf("read %v after the file came back", back)
	}
}

// TestDirectories: names of serials and hashed lists come and go; other files of
// capath are none of ours. Below a chroot is looked first.
func TestDirectories(t *testing.T) {
	root, now := t.TempDir(), time.Now()
	serials, capath := "/serials", filepath.Join(root, "ca")
	for _, dir := range []string{filepath.Join(root, serials), capath} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, serials, "42"), "")
	write(t, filepath.Join(capath, "0a1b2c3d.0"), "an authority")
	write(t, filepath.Join(capath, "0a1b2c3d.r0"), "a list")
	texts := NewFiles(Names{Serials: serials, CAPath: capath, Chroot: root}, os.ReadFile).Read(now, 0)
	if len(texts.Serials) != 1 || texts.Serials[0] != "42" {
		t.Errorf("serials %q", texts.Serials)
	}
	if len(texts.Files) != 1 || string(texts.Files[filepath.Join(capath, "0a1b2c3d.r0")]) != "a list" {
		t.Errorf("lists %v", texts.Files)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
