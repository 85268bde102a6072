//go:build unix

package hooks

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"culvert/access/hooks/hookstest"
)

// TestHugeVariables: where a peer's words are more than the system hands to a program, it
// does not run, and that is an error: nobody is let in by half of what they said.
func TestHugeVariables(t *testing.T) {
	ran := filepath.Join(t.TempDir(), "ran")
	p, env := program(t, "client-connect", "echo > "+ran), new(Env)
	for i := range 64 {
		env.Set(fmt.Sprintf("X509_%d_CN", i), strings.Repeat("x", 256<<10))
	}
	if status, err := p.Run(t.Context(), netip.Prefix{}, env); status == 0 || !errors.Is(err, syscall.E2BIG) {
		t.Errorf("status %d, %v", status, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it ran")
	}
}

// TestStubbornForks: children of children that take no signal end with the program's time.
func TestStubbornForks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	p := program(t, "tls-verify", "trap '' TERM INT HUP; for i in 1 2 3 4 5 6 7 8; do (trap '' TERM; (trap '' TERM; sleep 1000) & sleep 1000) & done\n"+
		"(sh -c 'echo $PPID' > "+file+"; sleep 1000) & wait")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := p.Run(ctx, netip.Prefix{}, nil); done <- err }()
	child := hookstest.Child(t, file)
	group, err := syscall.Getpgid(child)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	hookstest.Ends(t, child)
	if group == syscall.Getpgrp() {
		t.Fatal("the program is in this process's group")
	}
}

// TestFilesOfAProgram: what a program leaves in place of the file that it should write is
// not waited for, and not taken for what it wrote.
func TestFilesOfAProgram(t *testing.T) {
	s, err := NewScratch(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Remove()
	if err := errors.Join(syscall.Mkfifo(s.Path("pipe"), 0o600), os.Mkdir(s.Path("directory"), 0o700), os.Symlink("/dev/zero", s.Path("device"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipe", "directory", "device", "none"} {
		if text := s.Read(name); text != "" {
			t.Errorf("%s: %.20q", name, text)
		}
	}
	if err := s.Write("long", strings.Repeat("x", 1<<20)); err != nil {
		t.Fatal(err)
	}
	if text := s.Read("long"); len(text) != maxNote {
		t.Errorf("%d bytes of a long file", len(text))
	}
	if _, more := s.ReadAll("long", 10); !more {
		t.Error("a file that goes on is taken for a whole one")
	}
}
