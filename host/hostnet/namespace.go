package hostnet

import (
	"fmt"
	"strings"
)

// space is a network namespace: where the devices, routes and settings of a
// journal are. Two are the same if all their fields are equal.
type space struct {
	// Boot identifies the start of the machine; "" on systems with one network.
	Boot string `json:",omitempty"`
	// Cookie is unique to the namespace within this boot; 0 if the kernel does not
	// tell it (before Linux 5.14).
	Cookie uint64 `json:",omitempty"`
	// Number is the namespace's number. Another one gets it once it is gone.
	Number string
	// Handle opens it as long as it is there (name_to_handle_at(2), in
	// hexadecimal); "" if the kernel has none (before Linux 6.18).
	Handle string `json:",omitempty"`
}

// spaces looks for namespaces of this boot.
type spaces interface {
	// there reports whether a handle opens a namespace; not known if the caller may
	// not or the kernel cannot.
	there(handle string) (there, known bool)
	// inUse returns the numbers of the namespaces that somebody can get into; not
	// known if the caller cannot see all.
	inUse() (numbers map[string]bool, known bool)
}

// hostSpace is the space of a system with one network.
var hostSpace = space{Number: "host"}

// bootDigits is how many digits of a boot's name are in a file's name.
const bootDigits = 8

// name returns a part of the names of journals, which no other space has.
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

// gone reports whether it is certain that nobody can get into a space any more. here
// is the caller's.
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
