package process

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Enter gives up what j says, on every thread and for good: unless j.Regain, nothing this
// process starts later can win rights back either (no_new_privs). An error
// may leave it half done; end the process then.
func (j Jail) Enter() error {
	if err := enterRoot(j.Chroot); err != nil {
		return err
	}
	if err := j.changeIdentity(); err != nil {
		return err
	}
	if j.Regain {
		return nil
	}
	return everyThread("no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
}

// CanEnter reports why no process of this program could enter a jail.
func CanEnter() error {
	return everyThread("giving up rights", unix.SYS_PRCTL, unix.PR_GET_NO_NEW_PRIVS, 0, 0)
}

func (j Jail) changeIdentity() error {
	kept := len(j.Keep) > 0 && j.Identity.UID > 0
	if kept {
		if err := everyThread("keep capabilities", unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1, 0); err != nil {
			return err
		}
	}
	if err := setIDs(j.Identity); err != nil {
		return err
	}
	if kept {
		return setCapabilities(j.Keep)
	}
	return nil
}

// setCapabilities leaves every thread with these alone.
func setCapabilities(keep []Capability) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for _, c := range keep {
		data[c/32].Effective |= 1 << (c % 32)
		data[c/32].Permitted |= 1 << (c % 32)
	}
	return everyThread("capabilities", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0)
}

// everyThread makes a system call on all threads, since Linux keeps rights per
// thread. It works in programs without cgo only.
//
//go:uintptrescapes
func everyThread(what string, trap, a1, a2, a3 uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(trap, a1, a2, a3, 0, 0, 0)
	switch {
	case errno == syscall.ENOTSUP:
		return fmt.Errorf("%s: %w: this program was built with cgo, which hides its threads; build it with CGO_ENABLED=0", what, errors.ErrUnsupported)
	case errno != 0:
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}
