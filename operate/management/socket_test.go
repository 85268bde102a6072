package management

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"culvert/config"
)

// TestNoSocket: where no socket can be made, the error says what to do, and nothing that
// lies there is touched.
func TestNoSocket(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		file:                           "is there and no socket: remove it, or name another path",
		dir:                            "is there and no socket: remove it, or name another path",
		filepath.Join(dir, "no", "s"):  "make the directory first",
		dir + strings.Repeat("x", 200): "name a shorter one",
	} {
		i, err := Open(config.Management{Unix: true, Address: path}, quiet(nil))
		if err == nil {
			i.Close(nil)
			t.Errorf("%s: it opened", path)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", path, err, want)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "mine" {
		t.Errorf("the file has %q, %v", text, err)
	}
}

// TestUnheard: what to do about an address that cannot be listened at.
func TestUnheard(t *testing.T) {
	for err, want := range map[error]string{
		syscall.EADDRINUSE:                    "another process uses this address",
		syscall.EADDRNOTAVAIL:                 "this host does not have this address",
		syscall.EACCES:                        "this user may not listen here",
		&net.DNSError{Name: "nohost.invalid"}: "write an address",
		io.ErrUnexpectedEOF:                   "unexpected EOF",
	} {
		if got := unheard(fmt.Errorf("listen: %w", err)); !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v, want %q", got, want)
		}
	}
}
