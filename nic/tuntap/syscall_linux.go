package tuntap

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// These are the system calls of the data path. The device never blocks, so the
// runtime is not told about them: it would take calls of tens of microseconds for
// long ones, and wake a thread every 20 microseconds to hand the processor to
// others. They return a unix.Errno or nil.

func read(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), failure(errno)
}

func write(fd int, b []byte) error {
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return failure(errno)
}

func writev(fd int, parts []unix.Iovec) error {
	_, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&parts[0])), uintptr(len(parts)))
	return failure(errno)
}

func failure(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
