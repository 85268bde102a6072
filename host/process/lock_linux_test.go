package process

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asked has the test process be another program, for what changes a process for good.
const asked = "CULVERT_TEST_PROCESS"

// inAnother runs this test once more in a process of its own, and returns what it wrote;
// there, it calls f.
func inAnother(t *testing.T, f func() error) string {
	t.Helper()
	if os.Getenv(asked) == t.Name() {
		if err := f(); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	c := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), asked+"="+t.Name())
	out, err := c.CombinedOutput()
	if err != nil && !bytes.HasPrefix(out, []byte("failed:")) {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestLockMemory: as root, what the process has and what it gets is locked.
func TestLockMemory(t *testing.T) {
	out := inAnother(t, func() error {
		if err := LockMemory(true); err != nil {
			return err
		}
		const size = 32 << 20
		more := bytes.Repeat([]byte{1}, size)
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(status), "VmLck:")
		var locked int
		fmt.Sscan(rest, &locked)
		fmt.Println("locked", locked<<10 > len(more))
		return nil
	})
	want := "locked true\n"
	if os.Getuid() != 0 {
		want = "LimitMEMLOCK=infinity"
	}
	if !strings.Contains(out, want) {
		t.Error(out)
	}
}

// TestLockMemoryWithoutRights says what to do, and leaves no process that ends when it
// grows.
func TestLockMemoryWithoutRights(t *testing.T) {
	out := inAnother(t, func() error {
		limit := unix.Rlimit{Cur: 64 << 10, Max: 64 << 10}
		if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
			return err
		}
		if err := unix.Setresuid(65534, 65534, 65534); err != nil && os.Getuid() == 0 {
			return err
		}
		return LockMemory(false)
	})
	if !strings.Contains(out, "may lock 64 KiB") || !strings.Contains(out, "LimitMEMLOCK=infinity") {
		t.Error(out)
	}
}

// TestSetNice: every thread has the priority, and those that are started after.
func TestSetNice(t *testing.T) {
	const want = 7
	out := inAnother(t, func() error {
		if err := SetNice(want); err != nil {
			return err
		}
		threads, err := filepath.Glob("/proc/self/task/*/stat")
		if err != nil || len(threads) < 2 {
			return fmt.Errorf("%d threads, %v", len(threads), err)
		}
		for _, name := range threads {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			_, rest, _ := strings.Cut(string(text), ") ")
			const nice = 16 // the field after the name is the first; proc_pid_stat(5)
			if fields := strings.Fields(rest); fields[nice] != fmt.Sprint(want) {
				return fmt.Errorf("%s: %s", name, rest)
			}
		}
		return nil
	})
	if out != "" {
		t.Error(out)
	}
}
