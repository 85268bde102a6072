//go:build unix

package auth

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDeferredEnds: what was left to decide later ends with the client.
func TestDeferredEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "child")
	s := script(t, false, "sleep 1000 & echo $! > "+file+"; exit 2")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan Verdict, 1)
	go func() { done <- s.Check(ctx, new(Request), noPending(t)) }()
	pid := child(t, file)
	time.Sleep(3 * pollInterval / 2)
	cancel()
	if v := <-done; v.OK || v.Err == nil {
		t.Errorf("%+v", v)
	}
	ends(t, pid)
}

// child is the process that a program noted in a file.
func child(t *testing.T, file string) int {
	t.Helper()
	for range 1000 {
		if text, err := os.ReadFile(file); err == nil && strings.HasSuffix(string(text), "\n") {
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the program did not begin")
	return 0
}

// ends fails unless a process goes away.
func ends(t *testing.T, pid int) {
	t.Helper()
	for range 1000 {
		if err := syscall.Kill(pid, 0); err != nil || isZombie(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is there still", pid)
}

// isZombie reports whether a process has ended, though nobody has asked how.
func isZombie(pid int) bool {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}
