//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

var reactions = map[os.Signal]Event{
	os.Interrupt: Exit, syscall.SIGTERM: Exit,
	syscall.SIGUSR1: Restart, syscall.SIGHUP: Reload, syscall.SIGUSR2: Status,
}

const canDetach = true

const canReplaceOpen = true

// detach gives a program a session of its own, which no terminal ends.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func closeOnExec(fd int) { syscall.CloseOnExec(fd) }
