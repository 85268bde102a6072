package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	if os.Getenv(inBackground) == "first" {
		runtime.LockOSThread()
	}
	first = besideOrphans
}

// besideOrphans is the test's program that orphans go to, as they go to process 1. It
// prints what it finds: the exit statuses of what it started itself, and at the end that no
// child is left.
func besideOrphans() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Println(err)
		return
	}
	beside(func() {
		for range 50 {
			// The shell is gone before the one in the background ends, which is an orphan then.
			c := exec.Command("/bin/sh", "-c", `read x <&3 & exit 3`)
			r, w, err := os.Pipe()
			if err != nil {
				fmt.Println(err)
				return
			}
			c.ExtraFiles = []*os.File{r}
			if err := c.Run(); err == nil || c.ProcessState.ExitCode() != 3 {
				fmt.Println("it ended with", err)
			}
			w.Close()
			r.Close()
		}
		for children() != "" {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("nothing is left")
	}, time.Millisecond)
}

// children are the numbers of this process's children, of all its threads.
func children() string {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	all := ""
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		all += string(text)
	}
	return strings.TrimSpace(all)
}

// TestOrphans: a process that orphans go to waits for them, and for none that os/exec waits
// for.
func TestOrphans(t *testing.T) {
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), inBackground+"=first")
	if out, err := c.CombinedOutput(); err != nil || string(out) != "nothing is left\n" {
		t.Errorf("%v\n%s", err, out)
	}
}
