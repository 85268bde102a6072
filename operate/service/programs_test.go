package service

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/access/hooks"
	"culvert/config"
)

// TestHostPrograms: a program that is not there is an error at the start, and one that fails
// is an error for whoever has it run.
func TestHostPrograms(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n[ \"$1 $2\" = 'first second' ] || exit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Hooks: config.Hooks{Up: []string{file, "first"}, Down: []string{file}}}
	p, err := newHostPrograms(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context(), "up", new(hooks.Env), "second"); err != nil {
		t.Error(err)
	}
	if err := p.Run(t.Context(), "down", new(hooks.Env), "second"); err == nil || !strings.Contains(err.Error(), "status 7") {
		t.Errorf("down: %v", err)
	}
	if err := p.Run(t.Context(), "route-up", new(hooks.Env)); err != nil {
		t.Errorf("what is not there failed: %v", err)
	}
	c.Hooks.RouteUp = []string{"/nonexistent"}
	if _, err := newHostPrograms(c, slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing program: %v", err)
	}
}

// TestRightsOfPrograms: with `user`, root runs what runs before the process would have given
// up its rights, and what the plugin down-root ran; without, all.
func TestRightsOfPrograms(t *testing.T) {
	c := understoodOf("user nobody\n")
	for stage, want := range map[string]bool{"down": false, "up": false, "ipchange": false, "plugin": true, "dns-down": true} {
		r := newRights(c)
		k := &keptPrograms{&hostPrograms{log: slog.New(slog.DiscardHandler)}, r}
		for _, before := range []string{"ipchange", "up", "route-up"} {
			if err := k.Run(context.Background(), before, new(hooks.Env)); err != nil {
				t.Error(err)
			}
		}
		if err := k.Run(context.Background(), stage, new(hooks.Env)); (err == nil) != want {
			t.Errorf("%s: %v", stage, err)
		}
		if !newRights(new(config.Config)).root(stage) {
			t.Errorf("%s: not by root, where no user is named", stage)
		}
	}
}

// TestRightsStayGivenUp: a worker that goes on with another configuration has no program run
// with root's rights that it had lost before. One that begins has.
func TestRightsStayGivenUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := &life{log: &log{Logger: slog.New(slog.DiscardHandler)}}
	l.readable.Store(new(map[string]bool))
	read := func(more string) {
		t.Helper()
		l.config.Store(understoodOf("user nobody\nscript-security 2\nup " + file + "\ndown " + file + "\nroute-up " + file + "\n" + more))
	}
	read("")
	readsFor := l.readsFor()
	run := func(begins bool, stages ...string) (refused []string) {
		t.Helper()
		programs := readsFor(begins).Programs
		for _, stage := range stages {
			switch err := programs.Run(t.Context(), stage, new(hooks.Env)); {
			case errors.Is(err, errNotRoot):
				refused = append(refused, stage)
			case err != nil:
				t.Errorf("%s: %v", stage, err)
			}
		}
		return refused
	}
	all := []string{"ipchange", "up", "route-up"}
	if refused := run(true, all...); refused != nil {
		t.Errorf("not by root at the start: %q", refused)
	}
	read("verb 4\nsetenv A b\n")
	all = append(all, "route-pre-down", "down")
	if refused := run(false, append(all, "plugin", "dns-up", "dns-down")...); !slices.Equal(refused, all) {
		t.Errorf("for a worker that goes on, root refuses %q, want %q", refused, all)
	}
	if refused := run(true, "up"); refused != nil {
		t.Errorf("another worker begins, and root refuses %q", refused)
	}
}

// understoodOf is what is understood of the configuration of a host that has no keys.
func understoodOf(lines string) *config.Config {
	return understood(config.ParseFile("x", []byte("dev tun\nsecret k\nallow-deprecated-insecure-static-crypto\ncipher AES-256-CBC\n"+lines), func(string) ([]byte, error) { return nil, os.ErrNotExist }))
}
