//go:build !unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// Privileged is false: there is no root here.
func Privileged() bool { return false }

func enterRoot(string) error { return ErrUnsupported }

func setIDs(Identity) error { return ErrUnsupported }

// reactions: Windows makes Ctrl+C and Ctrl+Break an interrupt; closing the
// console, logging off and shutting down make SIGTERM.
var reactions = map[os.Signal]Event{os.Interrupt: Exit, syscall.SIGTERM: Exit}

// canDetach: a program started here has no descriptors but the first three.
const canDetach = false

// canReplaceOpen: a file that is open keeps its name.
const canReplaceOpen = false

func detach(*exec.Cmd) {}

func closeOnExec(int) {}

// MayRun is true: nobody gives rights up here.
func MayRun(string, Identity) bool { return true }
