package management

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"culvert/config"
	"culvert/internal/sockerr"
)

// longestPath is how long the path of a Unix socket may be, in bytes, with the NUL after
// it. It is 108 on Linux and Windows, and 104 on the BSDs and macOS.
const longestPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// clearSocket removes a socket that nobody listens on.
func clearSocket(path string) error {
	if len(path) > longestPath {
		return fmt.Errorf("the path %s has %d bytes, and a socket's has at most %d: name a shorter one", path, len(path), longestPath)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and no socket: remove it, or name another path", path)
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("%s: another process listens here: end it, or name another path", path)
	}
	return os.Remove(path)
}

// Forget removes the socket of an interface whose process could not.
func Forget(cfg config.Management) {
	if cfg.Unix && !cfg.Client {
		if info, err := os.Lstat(cfg.Address); err == nil && info.Mode().Type() == fs.ModeSocket {
			os.Remove(cfg.Address)
		}
	}
}

// unheard is why an address cannot be listened at, with what to do about it.
func unheard(err error) error {
	err = sockerr.Named(err)
	for _, known := range []struct {
		is   error
		mend string
	}{
		{syscall.EADDRINUSE, "another process uses this address: end it, or name another port"},
		{syscall.EADDRNOTAVAIL, "this host does not have this address: write 127.0.0.1, or a socket (management PATH unix)"},
		{fs.ErrNotExist, "make the directory first, or name another"},
		{fs.ErrPermission, "this user may not listen here: name another directory, or a port from 1024 on"},
	} {
		if errors.Is(err, known.is) {
			return fmt.Errorf("%w; %s", err, known.mend)
		}
	}
	if errors.As(err, new(*net.DNSError)) {
		return fmt.Errorf("%w; write an address, such as 127.0.0.1", err)
	}
	return err
}
