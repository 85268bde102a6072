package nap

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sleep naps. It holds the processor of the runtime: to hand it on and get it
// back would cost what the nap is to save.
func Sleep() {
	t := unix.NsecToTimespec(int64(Length))
	unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}
