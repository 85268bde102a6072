package remote

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxPath is how long the path of a socket may be, in bytes (sun_path).
const maxPath = 107

// address is by what name a socket is reached: its path, or if that is too long, one by
// way of its directory, until done is called.
func address(path string) (addr string, done func(), err error) {
	if len(path) <= maxPath {
		return path, func() {}, nil
	}
	dir, err := os.OpenFile(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", nil, err
	}
	addr = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if _, err := os.Stat(filepath.Dir(addr)); err != nil || len(addr) > maxPath {
		dir.Close()
		return "", nil, tooLong(path)
	}
	return addr, func() { dir.Close() }, nil
}
