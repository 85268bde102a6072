package nap

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sleep naps. It keeps the runtime's processor: handing it on and getting it back
// would cost what the nap should save.
func Sleep() {
	t := unix.NsecToTimespec(int64(Length))
	unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0)
}
