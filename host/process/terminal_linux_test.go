package process

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is one end of a new pseudo terminal.
func terminal(t *testing.T) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return slave
}

func TestColors(t *testing.T) {
	tty := terminal(t)
	for _, c := range []struct {
		term, noColor string
		paints, color bool
	}{
		{"xterm-256color", "", true, true},
		{"", "", true, true},
		{"dumb", "", false, false},
		{"xterm", "1", true, false},
		{"xterm", "0", true, false}, // any value but none
		{"dumb", "1", false, false},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("NO_COLOR", c.noColor)
		if Paints(tty) != c.paints || Colors(tty) != c.color {
			t.Errorf("TERM=%q NO_COLOR=%q: paints %v, colours %v", c.term, c.noColor, Paints(tty), Colors(tty))
		}
	}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	file, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if Paints(file) || Colors(file) {
		t.Error("a file is no terminal")
	}
}
