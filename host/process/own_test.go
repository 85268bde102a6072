//go:build unix

package process

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestCreateInSharedDirectory: what others laid out in a directory where they
// may write is neither written through nor emptied.
func TestCreateInSharedDirectory(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	link, hard, good := filepath.Join(dir, "link"), filepath.Join(dir, "hard"), filepath.Join(dir, "good")
	if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, link), os.Link(victim, hard),
		os.WriteFile(good, []byte("old"), 0o600), os.Chmod(dir, 0o1777)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{link, hard} {
		var f pidFile
		if err := f.Move(name); err == nil {
			t.Errorf("%s is taken for a pid file", name)
		}
		if f, err := OpenFile(name); err == nil {
			f.Close()
			t.Errorf("%s is taken for a file to keep", name)
		}
		if f, err := Create(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600); err == nil {
			f.Close()
			t.Errorf("%s is taken for a log", name)
		}
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("the file behind the links holds %q", text)
	}
	f, err := Create(good, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if info, _ := os.Stat(good); info.Size() != 0 {
		t.Error("an own file is not emptied")
	}
}

// TestCreateInOwnDirectory: links in a directory of one's own are followed.
func TestCreateInOwnDirectory(t *testing.T) {
	dir := t.TempDir()
	link, real := filepath.Join(dir, "link"), filepath.Join(dir, "real")
	if err := errors.Join(os.Chmod(dir, 0o700), os.WriteFile(real, nil, 0o600), os.Symlink(real, link)); err != nil {
		t.Fatal(err)
	}
	f, err := Create(link, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
