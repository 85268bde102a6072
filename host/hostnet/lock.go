//go:build linux || windows || darwin || freebsd || openbsd

package hostnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lockName is the file of a state directory that is locked. It stays.
const lockName = "lock"

// How a lock is waited for.
const (
	lockEvery    = 10 * time.Millisecond
	lockSay      = time.Second      // until the log has who is waited for
	lockPatience = 10 * time.Second // for one process that holds it
)

// errHeld says that another process has the lock.
var errHeld = errors.New("held by another process")

// lockDir keeps other processes away from the journals and from what they share.
// Only processes of this user and of root can hold the lock. It waits for
// lockPatience; then the error names the holder. If ctx ends first, the error is its
// cause. The lock ends with the process. The error wraps errGone if there is no
// directory.
func lockDir(ctx context.Context, dir string, log *slog.Logger) (unlock func(), err error) {
	err = TrustDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		err = errGone
	}
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	f, err := openLock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w", err)
	}
	if err := waitFor(ctx, f, log); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	sign(f)
	return func() { f.Close() }, nil
}

// waitFor takes the lock of a file.
func waitFor(ctx context.Context, f *os.File, log *slog.Logger) error {
	var by string
	var since time.Time // when by was first seen to hold it
	said := false
	for {
		err := tryLock(f)
		if !errors.Is(err, errHeld) {
			return err
		}
		now := time.Now()
		if who := holder(f); since.IsZero() || who != by {
			by, since = who, now
		}
		switch waited := now.Sub(since); {
		case waited >= lockPatience:
			return fmt.Errorf("%w, %s, for %v; stop it, or name another --state-dir", errHeld, by, lockPatience)
		case waited >= lockSay && !said:
			said = true
			log.Warn("waiting for another process to let go of the state directory", "lock", f.Name(), "held-by", by)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockEvery):
		}
	}
}

// sign writes this process into the lock file, for systems that do not say who
// holds a lock.
func sign(f *os.File) {
	text := fmt.Appendf(nil, "%d %s\n", os.Getpid(), filepath.Base(os.Args[0]))
	if _, err := f.WriteAt(text, 0); err == nil {
		_ = f.Truncate(int64(len(text)))
	}
}

// signed is the process that signed the file last.
func signed(f *os.File) string {
	b := make([]byte, 256)
	n, _ := f.ReadAt(b, 0)
	pid, program, ok := strings.Cut(strings.TrimSpace(string(b[:n])), " ")
	if !ok {
		return "unknown"
	}
	return namedProcess(pid, program)
}

func namedProcess(pid, program string) string { return fmt.Sprintf("process %s (%s)", pid, program) }
