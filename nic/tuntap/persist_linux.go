package tuntap

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"culvert/nic"
)

// Persist makes a device that stays until Remove or the next boot, and returns its
// real name. Name is as in Options. The user owner, and any process in group, may
// open it without privileges; -1 means no user or no group. The error wraps one of
// the causes in tuntap.go.
func Persist(kind nic.Kind, name string, owner, group int) (string, error) {
	name, err := pattern(kind, name)
	if err != nil {
		return "", err
	}
	fd, name, err := attach(defaultNode, name, driverFlags(kind))
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	if err := persist(fd, owner, group); err != nil {
		return "", fmt.Errorf("tuntap: keep %s for user %d and group %d: %w", name, owner, group, err)
	}
	return name, nil
}

func persist(fd, owner, group int) error {
	if owner >= 0 {
		if err := unix.IoctlSetInt(fd, unix.TUNSETOWNER, owner); err != nil {
			return err
		}
	}
	if group >= 0 {
		if err := unix.IoctlSetInt(fd, unix.TUNSETGROUP, group); err != nil {
			return err
		}
	}
	return unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1)
}

// Remove deletes a persistent device by its name. The error wraps one of the causes
// in tuntap.go: ErrNoDevice if it does not exist, ErrBusy while a process has it
// open.
func Remove(name string) error {
	if misnamed(name) != "" || !exists(name) {
		return fmt.Errorf("tuntap: %q: %w; `ip link` lists them", name, ErrNoDevice)
	}
	fd, _, err := attach(defaultNode, name, driverFlags(nic.IP))
	if errors.Is(err, ErrKind) {
		fd, _, err = attach(defaultNode, name, driverFlags(nic.Ethernet))
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 0); err != nil {
		return fmt.Errorf("tuntap: remove %s: %w", name, err)
	}
	return nil
}
