package hooks

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program writes a shell script.
func program(t *testing.T, directive, text string) *Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "check")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram(directive, []string{path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNoProgram(t *testing.T) {
	_, err := NewProgram("auth-user-pass-verify", []string{"/nonexistent/check"}, Options{})
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/check") {
		t.Error(err)
	}
}

// TestForbiddenProgram: a program that may not be run fails, and does not run.
func TestForbiddenProgram(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	p := program(t, "client-connect", "touch "+ran)
	p.o.Forbidden = "script-security 1 does not allow programs"
	if status, err := p.Run(t.Context(), netip.Prefix{}, nil); status == 0 || err == nil || !strings.Contains(err.Error(), "not run: script-security 1") {
		t.Errorf("ended with %d, %v", status, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it ran")
	}
}

// TestRelativeProgram: as with OpenVPN 2.6, seen by running it, a name without
// a slash is a file in the working directory.
func TestRelativeProgram(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("check", []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := NewProgram("tls-verify", []string{"check"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.Run(t.Context(), netip.Prefix{}, nil); status != 3 || err != nil {
		t.Errorf("ended with %d, %v", status, err)
	}
	for name, want := range map[string]string{"sh": "write /", "nosuch": "the whole path"} {
		if _, err := NewProgram("tls-verify", []string{name}, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// TestProgramRunsInDir: a program runs in the directory of `cd`, and in this process's where
// that is not there, as below another root.
func TestProgramRunsInDir(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	t.Chdir(here)
	p := program(t, "up", `test "$(pwd)" = "$1"`)
	for dir, want := range map[string]string{"": here, there: there, filepath.Join(there, "none"): here} {
		p.o.Dir = dir
		if status, err := p.Run(t.Context(), netip.Prefix{}, nil, want); status != 0 || err != nil {
			t.Errorf("with %q it did not run in %s: %d, %v", dir, want, status, err)
		}
	}
}
