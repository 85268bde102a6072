//go:build unix

package process

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Trusted fails if this process is root, and others can change a program or put another
// one in its place: root is not to run it.
func Trusted(program string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return ownedBy(0, program)
}

// ownedBy fails if others than a user and root can change a program, or put another one
// in its place.
func ownedBy(uid uint32, program string) error {
	path, err := filepath.EvalSymlinks(program)
	if err != nil {
		return err
	}
	place := filepath.Dir(path)
	for name := path; ; name = filepath.Dir(name) {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		owner := info.Sys().(*syscall.Stat_t).Uid
		shared := info.Mode().Perm()&0o022 != 0
		if name != path && name != place && info.Mode()&os.ModeSticky != 0 {
			shared = false // what is in it stays where its owner put it
		}
		if owner != 0 && owner != uid || shared {
			return fmt.Errorf("%s is not run as root, since others can change %s (owner %d, mode %v); give it and its directories to root alone: chown root, chmod go-w", program, name, owner, info.Mode().Perm())
		}
		if name == filepath.Dir(name) {
			return nil
		}
	}
}
