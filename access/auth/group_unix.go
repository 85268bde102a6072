//go:build unix

package auth

import (
	"errors"
	"os/exec"
	"syscall"
)

// group makes a program the leader of a process group of its own, which includes
// all that it starts.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what a program left running when it ended. While anything is left
// in its group, the program's number is not given to another process; if a process
// has the number now, it belongs to another group.
func killGroup(leader int) {
	if errors.Is(syscall.Kill(leader, 0), syscall.ESRCH) {
		_ = syscall.Kill(-leader, syscall.SIGKILL)
	}
}
