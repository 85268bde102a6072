//go:build unix

package process

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadFile: what is no file is refused at once, and said; nothing waits and
// nothing grows.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := unix.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := net.Listen("unix", path("socket")); err != nil {
		t.Fatal(err)
	} else {
		defer l.Close()
	}
	huge, err := os.Create(path("huge"))
	if err != nil {
		t.Fatal(err)
	}
	if err := huge.Truncate(MaxFile + 1); err != nil {
		t.Fatal(err)
	}
	huge.Close()
	for to, name := range map[string]string{"fifo": "link to fifo", "/dev/zero": "link to zero"} {
		if err := os.Symlink(to, path(name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		path("fifo"):         "a named pipe (FIFO)",
		path("link to fifo"): "a named pipe (FIFO)",
		path("socket"):       "a socket",
		path("huge"):         "larger than 64 MiB",
		path("link to zero"): "a device",
		path("none"):         "no such file",
		"/dev/zero":          "a device",
		dir:                  "a directory",
	} {
		if text, err := ReadFile(name); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %d bytes, %v; want %q", name, len(text), err, want)
		}
	}
	if text, err := ReadFile(os.DevNull); err != nil || len(text) != 0 {
		t.Errorf("%s: %q, %v", os.DevNull, text, err)
	}
}

// TestReadGiven: a pipe that is open already is read to its end.
func TestReadGiven(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		w.WriteString("client\n")
		w.WriteString("dev tun\n")
		w.Close()
	}()
	text, err := ReadFile("/dev/fd/" + strconv.Itoa(int(r.Fd())))
	if err != nil || string(text) != "client\ndev tun\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestPIDFileOfPipe: a pipe that nobody reads is an error, and not waited for.
func TestPIDFileOfPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := new(pidFile).Move(name); err == nil || !strings.Contains(err.Error(), "writepid") {
		t.Error(err)
	}
}
