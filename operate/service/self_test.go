package service

import (
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
)

// TestChrootHasToBeThere before a tunnel is, which would end by its lack.
func TestChrootHasToBeThere(t *testing.T) {
	dir := t.TempDir()
	if _, err := giveUp(&config.Config{Process: config.Process{Chroot: dir}}); err != nil {
		t.Error(err)
	}
	missing := filepath.Join(dir, "none")
	if _, err := giveUp(&config.Config{Process: config.Process{Chroot: missing}}); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("%v; expected the directory that is not there", err)
	}
}
