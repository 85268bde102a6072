//go:build !linux

package tuntap

import (
	"fmt"
	"runtime"

	"culvert/nic"
)

func notPersistent() error {
	return fmt.Errorf("tuntap: %w (%s): devices here end with the process that opened them, so there is none to keep or remove",
		ErrUnsupported, runtime.GOOS)
}

// Persist returns an error that wraps ErrUnsupported.
func Persist(kind nic.Kind, name string, owner, group int) (string, error) {
	return "", notPersistent()
}

// Remove returns an error that wraps ErrUnsupported.
func Remove(name string) error { return notPersistent() }
