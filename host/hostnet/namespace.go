package hostnet

import (
	"fmt"
	"strings"
)

// space is a network namespace: where the devices, routes and settings of a
// journal are. Two are the same if all of it is equal.
type space struct {
	// Boot is the start of the machine; "" on systems that have one network.
	Boot string `json:",omitempty"`
	// Cookie is no other namespace's of this boot; 0 where the kernel does not
	// tell it (before Linux 5.14).
	Cookie uint64 `json:",omitempty"`
	// Number is the namespace's, which another one gets once it is gone.
	Number string
	// Handle opens it for as long as it is there (name_to_handle_at(2), in
	// hexadecimal); "" where the kernel has none (before Linux 6.18).
	Handle string `json:",omitempty"`
}

// spaces looks for namespaces of this boot.
type spaces interface {
	// there reports whether a handle opens one; not known where the caller may not
	// or the kernel cannot.
	there(handle string) (there, known bool)
	// inUse are the numbers of those that somebody can get into; not known where
	// the caller cannot see all.
	inUse() (numbers map[string]bool, known bool)
}

// hostSpace is the space of a system that has one network.
var hostSpace = space{Number: "host"}

// bootDigits are those of a boot's name that a file's has.
const bootDigits = 8

// name is part of the names of journals, and no other space's.
func (s space) name() string {
	boot, _, _ := strings.Cut(s.Boot, "-")
	boot = boot[:min(len(boot), bootDigits)]
	switch {
	case boot == "":
		return s.Number
	case s.Cookie == 0:
		return boot + "-n" + s.Number
	}
	return fmt.Sprintf("%s-%d", boot, s.Cookie)
}

// gone reports whether nobody can get into a space any more, for certain. here is
// the caller's.
func (s space) gone(here space, by spaces) bool {
	switch {
	case s == here:
		return false
	case s.Boot != here.Boot, s.Number == here.Number:
		return true
	}
	if there, known := by.there(s.Handle); known {
		return !there
	}
	numbers, known := by.inUse()
	return known && !numbers[s.Number]
}
