//go:build !unix

package process

import (
	"os"
	"os/exec"
)

// Privileged is false: there is no root here.
func Privileged() bool { return false }

func enterRoot(string) error { return ErrUnsupported }

func setIDs(Identity) error { return ErrUnsupported }

var reactions = map[os.Signal]Event{os.Interrupt: Exit}

func detach(*exec.Cmd) {}

func closeOnExec(int) {}
