//go:build darwin || freebsd || openbsd

package hostnet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// claims mark living processes. A process that has a journal holds a lock on a
// file of its own beside it, and the lock ends with the process. The file says
// which process of that number it is.
type claims struct{ dir string }

var claimed sync.Map // by path: locks of this process, held until its end

func (c claims) path(pid int) string { return filepath.Join(c.dir, strconv.Itoa(pid)+".alive") }

// claim marks o, this process, as alive.
func (c claims) claim(o owner) error {
	path := c.path(o.PID)
	if _, held := claimed.Load(path); held {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteString(o.Start)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("mark this process as alive in %s: %w", path, err)
	}
	claimed.Store(path, f)
	return nil
}

// alive reports whether this same process still runs.
func (c claims) alive(o owner) bool {
	f, err := os.Open(c.path(o.PID))
	if err != nil {
		return false
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return false
	}
	start, err := os.ReadFile(f.Name())
	return err == nil && string(start) == o.Start
}
