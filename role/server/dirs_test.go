package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
)

// TestDirsAreThere: a directory that clients will need is missed at the start.
func TestDirsAreThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "ccd"), 0o700); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		config config.Config
		root   string
		want   string // "" for good
	}{
		"none":         {config.Config{}, "", ""},
		"there":        {config.Config{Server: config.Server{ClientConfigDir: dir}, Process: config.Process{TmpDir: dir}}, "", ""},
		"in a chroot":  {config.Config{Server: config.Server{ClientConfigDir: "/ccd"}}, dir, ""},
		"outside it":   {config.Config{Server: config.Server{ClientConfigDir: filepath.Join(dir, "ccd")}}, dir, "client-config-dir: "},
		"missing":      {config.Config{Server: config.Server{ClientConfigDir: filepath.Join(dir, "none")}}, "", "client-config-dir: "},
		"a file":       {config.Config{Server: config.Server{ClientConfigDir: file}}, "", "not a directory; make the directory"},
		"missing, too": {config.Config{Process: config.Process{TmpDir: filepath.Join(dir, "none")}}, "", "tmp-dir: "},
	} {
		err := checkDirs(&c.config, c.root)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
