//go:build unix

package process

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inBackground makes the test binary the program that Daemonize starts.
const inBackground = "CULVERT_TEST_BACKGROUND"

// first is the program of TestOrphans, where there is one.
var first func()

func TestMain(m *testing.M) {
	switch os.Getenv(inBackground) {
	case "ready":
		InBackground().Report(nil)
	case "faulty":
		InBackground().Report(errors.New("the port is taken"))
	case "silent":
		os.Exit(3)
	case "first":
		first()
	case "stubborn":
		Events()
		os.Stdout.WriteString("started")
		select {}
	default:
		os.Exit(m.Run())
	}
}

func TestDaemonize(t *testing.T) {
	for mode, want := range map[string]string{"ready": "", "faulty": "the port is taken", "silent": "exit status 3"} {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), inBackground+"="+mode)
		err := daemonize(c)
		if mode != "silent" { // which was waited for
			c.Wait()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", mode, err, want)
		}
		if !c.SysProcAttr.Setsid {
			t.Errorf("%s: it has the terminal", mode)
		}
	}
}

func TestForeground(t *testing.T) {
	b := InBackground()
	b.Report(nil)
	if b.Yes() {
		t.Error("a process that a user started is taken for one in the background")
	}
}

func TestEvents(t *testing.T) {
	events, stop := Events()
	defer stop()
	for _, c := range []struct {
		signal syscall.Signal
		want   Event
	}{{syscall.SIGUSR1, Restart}, {syscall.SIGHUP, Reload}, {syscall.SIGUSR2, Status}, {syscall.SIGTERM, Exit}} {
		if err := syscall.Kill(os.Getpid(), c.signal); err != nil {
			t.Fatal(err)
		}
		if got := <-events; got != c.want {
			t.Errorf("%v means %v, want %v", c.signal, got, c.want)
		}
	}
}

// TestInterruptTwice: who does not want to wait for a good end need not.
func TestInterruptTwice(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), inBackground+"=stubborn")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 16))
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for over := false; !over; {
		c.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
			over = true
		case <-time.After(10 * time.Millisecond): // signals that wait count as one: again
		}
	}
	if c.ProcessState.ExitCode() != 130 {
		t.Errorf("%v, want status 130", c.ProcessState)
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		user, group string
		want        Identity
	}{{"", "", Identity{-1, -1}}, {"root", "", Identity{0, 0}}, {"0", "0", Identity{0, 0}}} {
		got, err := Lookup(c.user, c.group)
		if err != nil || got != c.want {
			t.Errorf("%q %q: %+v, %v", c.user, c.group, got, err)
		}
		if empty := (Jail{Identity: got}).Empty(); empty != (c.user == "" && c.group == "") {
			t.Errorf("%q %q: empty %v", c.user, c.group, empty)
		}
	}
	for want, names := range map[string][2]string{
		"user no-such-user: ":   {"no-such-user", ""},
		"group no-such-group: ": {"root", "no-such-group"},
		"user 4000000000: ":     {"4000000000", ""},
	} {
		if _, err := Lookup(names[0], names[1]); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", names, err, want)
		}
	}
}
