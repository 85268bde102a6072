//go:build unix

package bolt

import (
	"os"
	"syscall"
)

// sameOwner gives a file the owner of another.
func sameOwner(path, as string) error {
	info, err := os.Stat(as)
	if err != nil {
		return err
	}
	if of, ok := info.Sys().(*syscall.Stat_t); ok && (int(of.Uid) != os.Geteuid() || int(of.Gid) != os.Getegid()) {
		return os.Chown(path, int(of.Uid), int(of.Gid))
	}
	return nil
}
