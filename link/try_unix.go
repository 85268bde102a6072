//go:build unix

package link

import (
	"errors"

	"golang.org/x/sys/unix"
)

const canTry = true

// tryWrite writes what the socket takes without waiting, possibly nothing.
func tryWrite(fd uintptr, b []byte) (n int, err error) {
	for n < len(b) {
		m, err := unix.Write(int(fd), b[n:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return n, nil
		case err != nil:
			return n, err
		default:
			n += m
		}
	}
	return n, nil
}

// reuseAddress lets a socket use a port that an ended connection still holds.
func reuseAddress(fd uintptr) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
}
