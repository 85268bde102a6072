package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// daemonMark in the environment tells a process that it is the one in the
// background; descriptor 3 is then the pipe by which it reports.
const daemonMark = "CULVERT_BACKGROUND"

// reportFD is the first of exec.Cmd's ExtraFiles.
const reportFD = 3

const readyWord = "ready"

// Daemonize starts this program again in the background, with the same
// arguments and without a terminal, and waits until it reports. The error is
// what it reported, or that it ended without a word. (A Go program has threads
// from the start, so that it cannot fork.)
func Daemonize() error {
	if !canDetach {
		return fmt.Errorf("daemon: %w: remove it, and let a service manager or the task scheduler start culvert", ErrUnsupported)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	return daemonize(&exec.Cmd{Path: self, Args: os.Args}) // under the name it was called by
}

func daemonize(c *exec.Cmd) error {
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	defer r.Close()
	c.Env = append(c.Environ(), daemonMark+"=1")
	c.ExtraFiles = []*os.File{w}
	detach(c)
	err = c.Start()
	w.Close()
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	report, err := io.ReadAll(io.LimitReader(r, 64<<10))
	switch text := string(report); {
	case err != nil:
		return fmt.Errorf("daemon: %w", err)
	case text == readyWord:
		return nil
	case text == "":
		return fmt.Errorf("daemon: the background process ended without a message (%w); see its log", c.Wait())
	default:
		return errors.New(strings.TrimSpace(text))
	}
}

// Background is the way a process in the background reports to the one that
// started it. In the foreground it is nil or the zero value, and reports nothing.
type Background struct{ pipe *os.File }

// InBackground reports whether Daemonize started this process. Call it once,
// before other descriptors are opened or programs are started.
func InBackground() *Background {
	b := new(Background)
	if os.Getenv(daemonMark) != "" {
		os.Unsetenv(daemonMark)
		b.pipe = os.NewFile(reportFD, "background")
		closeOnExec(reportFD)
	}
	return b
}

// Yes is whether this is a process in the background.
func (b *Background) Yes() bool { return b != nil && b.pipe != nil }

// Report says that all is well, or what is not, the first time it is called.
func (b *Background) Report(err error) {
	if !b.Yes() {
		return
	}
	text := readyWord
	if err != nil {
		text = err.Error()
	}
	io.WriteString(b.pipe, text)
	b.pipe.Close()
}
