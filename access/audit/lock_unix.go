//go:build unix

package audit

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock waits until no other process has a file locked. It ends when the file is closed.
func lock(h *os.File) error {
	for {
		if err := unix.Flock(int(h.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}
