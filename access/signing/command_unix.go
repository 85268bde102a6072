//go:build unix

package signing

import (
	"os/exec"
	"syscall"
)

// apart has the end of the program's time end all that it started. At a terminal it stays
// in our group, since another could not ask there for a PIN; then it alone is ended.
func apart(cmd *exec.Cmd) {
	if interactive() {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
