package audit

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock waits until no other process has a file locked, which is made if it is missing.
func lock(path string) (unlock func(), err error) {
	h, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := windows.LockFileEx(windows.Handle(h.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped)); err != nil {
		h.Close()
		return nil, err
	}
	return func() { h.Close() }, nil
}
