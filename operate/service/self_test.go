package service

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
	"culvert/host/process"
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

// TestFailedOnScreen: why a process ends is said in one line for each that there is,
// whatever a peer put into the words.
func TestFailedOnScreen(t *testing.T) {
	screen, err := os.Create(filepath.Join(t.TempDir(), "screen"))
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	stderr := os.Stderr
	os.Stderr = screen
	Self{}.Failed(errors.New("the server says: \x1b[2Jgo"))
	os.Stderr = stderr
	if text, _ := os.ReadFile(screen.Name()); string(text) != "culvert: the server says: \\x1b[2Jgo\n" {
		t.Errorf("%q", text)
	}
}

// TestDefaultUser: the user that is proposed is one that this process may become.
func TestDefaultUser(t *testing.T) {
	name := DefaultUser()
	if name == "" {
		if id, err := process.Lookup(leastUser(), ""); err == nil && process.CanBecome(id) {
			t.Error("nobody is proposed, and there is somebody")
		}
		return
	}
	if _, err := giveUp(&config.Config{Process: config.Process{User: name}}); err != nil {
		t.Error(err)
	}
}
