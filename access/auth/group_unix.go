//go:build unix

package auth

import (
	"errors"
	"os/exec"
	"syscall"
)

// group has a program lead a process group of its own, which all that it starts
// is in.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what a program left running that has ended itself. Its number
// is nobody else's while anything is left in its group, and a process that has
// the number now is of another.
func killGroup(leader int) {
	if errors.Is(syscall.Kill(leader, 0), syscall.ESRCH) {
		_ = syscall.Kill(-leader, syscall.SIGKILL)
	}
}
