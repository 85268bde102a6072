//go:build !unix

package hooks

import (
	"os"
	"os/exec"
)

// group leaves a program in this process's group: elsewhere there are none.
func group(*exec.Cmd) {}

// Group is the number of a program's process group, 0 for none.
type Group int

// Kill does nothing: what a program started goes on.
func (Group) Kill() {}

// openFile opens a file for reading.
func openFile(path string) (*os.File, error) { return os.Open(path) }
