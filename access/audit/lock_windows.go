package audit

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock waits until no other process has a file locked. It ends when the file is closed.
func lock(h *os.File) error {
	beyond := windows.Overlapped{OffsetHigh: 1 << 30} // of all that is read or written
	return windows.LockFileEx(windows.Handle(h.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &beyond)
}
