//go:build linux

package hostnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// hold locks what a path names, as any user can who may open it.
func hold(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return func() { f.Close() }
}

// TestLockedDirectory: who can open the directory, as anybody could that earlier
// versions made, keeps nobody from starting, ending and cleaning up.
func TestLockedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	hold(t, dir)
	done := make(chan error)
	go func() {
		h := newProcesses().start(newTwin(), dir, 1, nil)
		a, err := h.apply(context.Background(), everything())
		if err == nil {
			err = a.Undo(context.Background())
		}
		_, cleaned := h.cleanup(context.Background())
		done <- errors.Join(err, cleaned)
	}()
	if err := <-done; err != nil { // errHeld if it waits for a lock that any user can take
		t.Error(err)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "lock"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %v", path, info.Mode(), err, mode)
		}
	}
}

// TestLockHeld: the wait for another process is bounded, and names it.
func TestLockHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := newProcesses().start(newTwin(), dir, 1, nil)
		mustUndo(t, mustApply(t, h, everything()))
		hold(t, filepath.Join(dir, "lock"))
		var log bytes.Buffer
		h.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		me := fmt.Sprintf("process %d (", os.Getpid())
		began := time.Now()
		_, err := h.apply(t.Context(), everything())
		if !errors.Is(err, errHeld) || !strings.Contains(err.Error(), me) || time.Since(began) > 2*lockPatience {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if _, err := h.cleanup(t.Context()); !errors.Is(err, errHeld) {
			t.Errorf("cleanup: %v", err)
		}
		if !strings.Contains(log.String(), "held-by=\""+me) {
			t.Errorf("log: %s", &log)
		}
	})
}

// TestLockWaitIsCutShort: a signal ends a wait, and one that ends is no failure.
func TestLockWaitIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := newProcesses().start(newTwin(), dir, 1, nil)
		a := mustApply(t, h, everything())
		release := hold(t, filepath.Join(dir, "lock"))
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(lockSay/2, func() { cancel(errCrash) })
		began := time.Now()
		if _, err := h.cleanup(ctx); !errors.Is(err, errCrash) || time.Since(began) > lockSay {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		time.AfterFunc(lockSay, release)
		mustUndo(t, a)
	})
}

// TestUntrustedStateDir: what another user could have laid out is not used.
func TestUntrustedStateDir(t *testing.T) {
	base := t.TempDir()
	shared, file := filepath.Join(base, "shared"), filepath.Join(base, "file")
	link, dangling := filepath.Join(base, "link"), filepath.Join(base, "dangling")
	if err := errors.Join(os.Mkdir(shared, 0o700), os.Chmod(shared, 0o777|os.ModeSticky), os.WriteFile(file, nil, 0o600),
		os.Symlink(file, link), os.Symlink(filepath.Join(base, "none", "x"), dangling)); err != nil {
		t.Fatal(err)
	}
	dirs := []string{shared, file, link, dangling}
	if os.Geteuid() == 0 {
		foreign := filepath.Join(base, "foreign")
		if err := errors.Join(os.Mkdir(foreign, 0o700), os.Lchown(foreign, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		foreignLink := filepath.Join(base, "foreign-link")
		if err := errors.Join(os.Symlink(base, foreignLink), os.Lchown(foreignLink, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, foreign, foreignLink)
	}
	for _, dir := range dirs {
		if a, err := newProcesses().start(newTwin(), dir, 1, nil).apply(t.Context(), everything()); err == nil {
			t.Errorf("%s is taken for a state directory", dir)
			mustUndo(t, a)
		}
	}
}

// TestLockFileIsNoLink: the lock is not opened, let alone written, through what
// somebody else laid out.
func TestLockFileIsNoLink(t *testing.T) {
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Symlink(victim, filepath.Join(dir, "lock"))); err != nil {
		t.Fatal(err)
	}
	if _, err := newProcesses().start(newTwin(), dir, 1, nil).cleanup(t.Context()); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Error(err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "precious" {
		t.Errorf("the file behind the link holds %q", text)
	}
}

// TestForeignDirectoryKeepsItsMode: one with other things in it is not closed.
func TestForeignDirectoryKeepsItsMode(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "theirs"), nil, 0o644), os.Chmod(dir, 0o755), PrivateDir(dir)); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o755 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestLockedBy(t *testing.T) {
	const table = `1: POSIX  ADVISORY  WRITE 77 00:1a:5 0 EOF
2: FLOCK  ADVISORY  WRITE 1234 00:1a:5 0 EOF
2: -> FLOCK  ADVISORY  WRITE 99 00:1a:5 0 EOF
3: FLOCK  ADVISORY  WRITE 0 00:1a:6 0 EOF
4: FLOCK
`
	for at, want := range map[string]string{"00:1a:5": "1234", "00:1a:6": "", "00:1a:7": ""} {
		if got := lockedBy([]byte(table), at); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}
