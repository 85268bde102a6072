//go:build unix

package hooks

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// group makes a program the leader of a process group of its own, which includes
// all that it starts.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// Group is the number of a program's process group, 0 for none.
type Group int

// Kill ends what a program left running when it ended. While anything is left in its
// group, the program's number is not given to another process; if a process has the
// number now, it belongs to another group.
func (g Group) Kill() {
	if g > 0 && errors.Is(syscall.Kill(int(g), 0), syscall.ESRCH) {
		_ = syscall.Kill(-int(g), syscall.SIGKILL)
	}
}

// openFile opens a file that a program may have replaced: a pipe does not block.
func openFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, os.ErrInvalid)
	}
	return f, nil
}
