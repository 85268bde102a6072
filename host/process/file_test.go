package process

import (
	"os"
	"path/filepath"
	"testing"
)

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "status")
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	os.Chmod(name, 0o640)
	reader, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, text := range []string{"a long text\n", "short\n", ""} {
		if err := f.Replace([]byte(text)); err != nil || content(t, name) != text {
			t.Errorf("%q, %v, want %q", content(t, name), err, text)
		}
	}
	if n, _ := reader.Read(make([]byte, 1)); n != 0 {
		t.Error("who had the old file open sees the new text: it was not replaced in one step")
	}
	if info, _ := os.Stat(name); info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", info.Mode())
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestReplaceOutOfReach: the name leads elsewhere, as after a chroot; the file
// that is open is written.
func TestReplaceOutOfReach(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFile(filepath.Join(dir, "status"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	moved := filepath.Join(dir, "moved")
	if err := os.Rename(filepath.Join(dir, "status"), moved); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a long text\n", "short\n"} {
		if err := f.Replace([]byte(text)); err != nil || content(t, moved) != text {
			t.Errorf("%q, %v, want %q", content(t, moved), err, text)
		}
	}
}

func TestReplaceDevice(t *testing.T) {
	f, err := OpenFile(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Replace([]byte("x")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s was replaced by a file: %v", os.DevNull, err)
	}
}
