package process

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestPIDFile: the file holds this process's number while it runs under that
// name, and is gone afterwards.
func TestPIDFile(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a.pid"), filepath.Join(t.TempDir(), "b.pid")
	defer PIDFile.Remove()
	for _, name := range []string{a, b, b, ""} {
		if err := PIDFile.Move(name); err != nil {
			t.Fatal(err)
		}
		for _, other := range []string{a, b} {
			text, err := os.ReadFile(other)
			if got, want := string(text), strconv.Itoa(os.Getpid())+"\n"; err == nil && got != want || (err == nil) != (other == name) {
				t.Errorf("at %q, %s holds %q (%v)", name, other, got, err)
			}
		}
	}
	if err := PIDFile.Move(filepath.Join(t.TempDir(), "none", "c.pid")); err == nil {
		t.Error("a directory that is not there is no fault")
	}
	for name, good := range map[string]bool{"": true, a: true, filepath.Join(a, "x"): false, filepath.Join(t.TempDir(), "none", "c.pid"): false} {
		if err := CheckPIDFile(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestPIDFileOfOthers: what is not this process's own is left alone, and what
// is gone already is no fault.
func TestPIDFileOfOthers(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		before, after func(name string) error // of Move, of Remove
		left          bool
	}{
		"rewritten": {nil, func(name string) error { return os.WriteFile(name, []byte("1\n"), 0o644) }, true},
		"removed":   {nil, os.Remove, false},
		"device":    {func(name string) error { return os.Symlink(os.DevNull, name) }, nil, true},
		"link":      {func(name string) error { return os.Symlink(filepath.Join(dir, "target"), name) }, nil, true},
	} {
		file := filepath.Join(dir, name)
		for _, step := range []func(string) error{c.before, PIDFile.Move, c.after} {
			if step == nil {
				continue
			}
			if err := step(file); err != nil {
				t.Fatal(err)
			}
		}
		if err := PIDFile.Remove(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(file); (err == nil) != c.left {
			t.Errorf("%s: afterwards %v", name, err)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "target")); err == nil {
		t.Error("the file that a link leads to stays")
	}
}
