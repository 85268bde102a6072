package hooks

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"culvert/internal/printable"
)

// OverdueError is why there is no decision: a program did not end in time, or what it left
// to decide later did not decide.
type OverdueError struct {
	What     string        // the directive and the program
	Deferred string        // the file that the decision should have come in; "": the program did not end
	After    time.Duration // how long it was waited for
	Err      error         // of the context that ended
}

// Error says what to do, too.
func (e *OverdueError) Error() string {
	after := e.After.Round(100 * time.Millisecond)
	if e.Deferred != "" {
		return fmt.Sprintf("%s: it put off its decision, and wrote none to %s for %v, until the time was over (hand-window) or the client gone; let it write 1 or 0 in time", e.What, e.Deferred, after)
	}
	return fmt.Sprintf("%s: stopped before it decided, after %v, when its time was over (hand-window) or the client gone; let it end sooner, or look for what it waits for", e.What, after)
}

// Kind is the error without the time, which differs from one run to the next.
func (e *OverdueError) Kind() string { return e.What + e.Deferred }

// Unwrap returns the error of the context that ended.
func (e *OverdueError) Unwrap() error { return e.Err }

// whyNot is what to do about a program that the system does not run; "" for any other error.
func whyNot(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(path)
	case errors.Is(err, fs.ErrPermission):
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return ": it is a directory; name a program"
		}
		return ": this user may not run it; chmod +x the file, let the user into its directories, and keep it where the file system is not mounted noexec"
	case errors.Is(err, syscall.ENOEXEC):
		return ": it is no program; a script begins with the line #!/bin/sh, or the program that reads it"
	case errors.Is(err, syscall.ETXTBSY):
		return ": somebody is writing to the file; replace it by another one (mv) rather than write to it"
	case errors.Is(err, syscall.E2BIG):
		return ": what it would be told is more than the system hands to a program"
	case errors.Is(err, syscall.EAGAIN):
		return ": the limit of processes is reached (TasksMax= of the service, or ulimit -u); raise it"
	}
	return ""
}

// missing says what is not there: a script can be, while the program that reads it is not.
func missing(path string) string {
	line, err := firstLine(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ": the file is gone; put it back"
	case err != nil: // a script that this user may run but not read
		return ": the file, or the program that its first line names, is not there; put it back, or write the path of a program that reads the script"
	}
	interpreter, ok := strings.CutPrefix(line, "#!")
	if !ok {
		return ": the file is there, but not the loader that it was built for; use a program built for this system"
	}
	interpreter = strings.TrimLeft(interpreter, " \t")
	if strings.HasSuffix(interpreter, "\r") {
		return ": its lines end as on Windows, so that its first line names no program; remove the carriage returns (sed -i 's/\\r$//')"
	}
	return fmt.Sprintf(": its first line names %s, which is not there; write the path of a program that reads the script", printable.Name(interpreter))
}

// firstLine is the first line of a file, as far as it counts for the system.
func firstLine(path string) (string, error) {
	f, err := openFile(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text := make([]byte, 256)
	n, _ := f.Read(text)
	line, _, _ := bytes.Cut(text[:n], []byte("\n"))
	return string(line), nil
}
