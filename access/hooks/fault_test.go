//go:build unix

package hooks

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/internal/mute"
)

// TestNotRun: where the system does not run a program that was there at the start, the error
// says what to do.
func TestNotRun(t *testing.T) {
	write := func(text string, mode os.FileMode) func(string) error {
		return func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, []byte(text), mode))
		}
	}
	unread := "the file, or the program that its first line names, is not there"
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.WriteFile(closed, nil, 0o111); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(closed); err == nil { // as root, who may read it anyway
		unread = "names /no/such, which"
	}
	for name, c := range map[string]struct {
		spoil func(path string) error
		want  string
	}{
		"gone":                     {os.Remove, "the file is gone"},
		"not executable":           {write("#!/bin/sh\n", 0o600), "chmod +x"},
		"empty":                    {write("", 0o700), "begins with the line #!"},
		"text":                     {write("exit 0\n", 0o700), "begins with the line #!"},
		"no interpreter":           {write("#! /no/such\x1b[2J -x\nexit 0\n", 0o700), `names /no/such\x1b[2J -x, which is not there`},
		"not readable":             {write("#!/no/such\n", 0o111), unread},
		"interpreter without line": {write("#!/no/such", 0o700), "names /no/such, which"},
		"lines of Windows":         {write("#!/bin/sh\r\nexit 0\r\n", 0o700), "remove the carriage returns"},
		"a directory":              {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, "it is a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(t, "client-connect", "exit 0")
			if err := c.spoil(p.command[0]); err != nil {
				t.Fatal(err)
			}
			status, err := p.Run(t.Context(), netip.Prefix{}, nil)
			if status == 0 || err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "client-connect "+p.command[0]) {
				t.Errorf("status %d, %v; want %q", status, err, c.want)
			}
		})
	}
}

// TestMissingUnread: of a file that cannot be read, nobody says that it is gone.
func TestMissingUnread(t *testing.T) {
	dir := t.TempDir() // which nobody can read as a file, root neither
	if got := missing(dir); !strings.Contains(got, "or the program that its first line names") {
		t.Error(got)
	}
	if got := missing(filepath.Join(dir, "none")); !strings.Contains(got, "the file is gone") {
		t.Error(got)
	}
}

// TestOverdue: an error about a program that was ended says which one, and is recognized
// when it comes again, whatever the time it took.
func TestOverdue(t *testing.T) {
	begun := filepath.Join(t.TempDir(), "begun")
	p := program(t, "tls-verify", "echo > "+begun+"; exec sleep 1000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := context.AfterFunc(t.Context(), cancel)
	defer stop()
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(begun); err == nil {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := p.Run(ctx, netip.Prefix{}, nil)
	var late *OverdueError
	if !errors.As(err, &late) || !errors.Is(err, context.Canceled) || late.What != "tls-verify "+p.command[0] {
		t.Fatal(err)
	}
	other := *late
	other.After += time.Hour
	if other.Error() == late.Error() || mute.Kind(&other) != mute.Kind(err) {
		t.Errorf("%v and %v", err, &other)
	}
}
