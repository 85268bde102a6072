//go:build unix

package userstack

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// receive waits for a datagram and lends it to take. On a connection of the system,
// it holds no buffer while it waits.
func receive(conn net.Conn, take func([]byte)) error {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return receiveHolding(conn, take)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		b := datagrams.Get().(*[maxMTU]byte)
		defer datagrams.Put(b)
		n, err := unix.Read(int(fd), b[:])
		for err == unix.EINTR {
			n, err = unix.Read(int(fd), b[:])
		}
		if failed = err; err == nil {
			take(b[:n])
		}
		return err != unix.EAGAIN
	})
	if err != nil {
		return err
	}
	return failed
}
