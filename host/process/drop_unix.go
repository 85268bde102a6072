//go:build unix

package process

import (
	"fmt"
	"os"
	"syscall"
)

// Privileged reports whether this process is root and so has rights to give up.
func Privileged() bool { return os.Geteuid() == 0 }

func enterRoot(dir string) error {
	if dir == "" {
		return nil
	}
	if err := syscall.Chroot(dir); err != nil {
		return fmt.Errorf("chroot %s: %w", dir, err)
	}
	if err := syscall.Chdir("/"); err != nil {
		return fmt.Errorf("chroot %s: %w", dir, err)
	}
	return nil
}

// setIDs changes group and user, in this order since afterwards the right to
// do so is gone.
func setIDs(id Identity) error {
	if id.GID >= 0 {
		if err := syscall.Setgroups([]int{id.GID}); err != nil {
			return fmt.Errorf("group %d: supplementary groups: %w", id.GID, err)
		}
		if err := syscall.Setgid(id.GID); err != nil {
			return fmt.Errorf("group %d: %w", id.GID, err)
		}
	}
	if id.UID >= 0 {
		if err := syscall.Setuid(id.UID); err != nil {
			return fmt.Errorf("user %d: %w", id.UID, err)
		}
	}
	return nil
}
