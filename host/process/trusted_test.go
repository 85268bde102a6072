//go:build unix

package process

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOwnedBy: a program that others can change, or replace, is told from one that they
// cannot.
func TestOwnedBy(t *testing.T) {
	for name, test := range map[string]struct {
		above, dir, program os.FileMode
		good                bool
	}{
		"own":                        {0o755, 0o755, 0o755, true},
		"writable":                   {0o755, 0o755, 0o775, false},
		"writable directory":         {0o755, 0o777, 0o755, false},
		"sticky directory":           {0o755, 0o777 | os.ModeSticky, 0o755, false},
		"writable directory above":   {0o777, 0o755, 0o755, false},
		"directory in a sticky one":  {0o777 | os.ModeSticky, 0o755, 0o755, true},
		"program of a group's place": {0o755, 0o775, 0o755, false},
	} {
		t.Run(name, func(t *testing.T) {
			above := filepath.Join(t.TempDir(), "above")
			dir := filepath.Join(above, "dir")
			program := filepath.Join(dir, "program")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, nil, 0o755); err != nil {
				t.Fatal(err)
			}
			for path, mode := range map[string]os.FileMode{above: test.above, dir: test.dir, program: test.program} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
			}
			if err := ownedBy(uint32(os.Geteuid()), program); (err == nil) != test.good {
				t.Errorf("%v", err)
			}
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(program, link); err != nil {
				t.Fatal(err)
			}
			if err := ownedBy(uint32(os.Geteuid()), link); (err == nil) != test.good {
				t.Errorf("by a link: %v", err)
			}
		})
	}
	if err := ownedBy(0, filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that is not there is trusted")
	}
}
