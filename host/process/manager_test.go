package process

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"time"
)

// listenAsManager makes this test the manager of the process, and returns what reads a
// message.
func listenAsManager(t *testing.T) (next func() string) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no datagram sockets with names")
	}
	dir, err := os.MkdirTemp("", "cv") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	name := filepath.Join(dir, "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		b := make([]byte, 1000)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

// TestManagerHears: the bytes are those of sd_notify(3), and the first message is what
// OpenVPN 2.6 sends.
func TestManagerHears(t *testing.T) {
	next := listenAsManager(t)
	t.Setenv("WATCHDOG_USEC", "3000000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	m := ServiceManager()
	if !m.Yes() || m.Watchdog() != 3*time.Second {
		t.Errorf("manager %v, watchdog %v", m.Yes(), m.Watchdog())
	}
	for _, step := range []struct {
		tell func()
		want string
	}{
		{m.Ready, fmt.Sprintf("READY=1\nSTATUS=Pre-connection initialization successful\nMAINPID=%d", os.Getpid())},
		{func() { m.Status("Initialization Sequence Completed\nMAINPID=1") }, "STATUS=Initialization Sequence Completed MAINPID=1"},
		{m.Reloading, `RELOADING=1\nMONOTONIC_USEC=\d+`},
		{m.Reloaded, "READY=1"},
		{m.Alive, "WATCHDOG=1"},
		{m.Stopping, "STOPPING=1"},
	} {
		step.tell()
		if got := next(); !regexp.MustCompile(`^` + step.want + `$`).MatchString(got) {
			t.Errorf("told %q, want %q", got, step.want)
		}
	}
}

// TestNothingAfterStopping: what goes on while the process ends does not make it look
// alive.
func TestNothingAfterStopping(t *testing.T) {
	var told []string
	m := ManagerTo(func(s string) { told = append(told, s) }, 0)
	m.Stopping()
	m.Stopping()
	m.Ready()
	m.Alive()
	if len(told) != 1 {
		t.Errorf("told %q", told)
	}
}

// TestNoManager: without one, nothing is told, and nothing fails.
func TestNoManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	for _, m := range []*Manager{nil, new(Manager), ServiceManager()} {
		if m.Yes() || m.Watchdog() != 0 {
			t.Error("there is a manager")
		}
		m.Ready()
		m.Stopping()
	}
}

// TestDeafManager: a socket that is gone is no reason to fail.
func TestDeafManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	ServiceManager().Ready()
}
