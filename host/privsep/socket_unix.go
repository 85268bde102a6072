//go:build unix

package privsep

import (
	"net"
	"os"
	"syscall"
)

// The kinds of socket pairs.
const (
	stream  = syscall.SOCK_STREAM
	packets = syscall.SOCK_DGRAM
)

// socketPair makes two ends, the far one to be inherited.
func socketPair(kind int) (near net.Conn, far *os.File, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	file := os.NewFile(uintptr(fds[0]), "worker")
	defer file.Close()
	near, err = net.FileConn(file)
	far = os.NewFile(uintptr(fds[1]), "keeper")
	if err != nil {
		far.Close()
		return nil, nil, err
	}
	return near, far, nil
}
