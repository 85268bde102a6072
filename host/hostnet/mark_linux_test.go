package hostnet

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMayMark: it is as the kernel has it, for a thread without capabilities too.
func TestMayMark(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		for _, drop := range []bool{false, true} {
			if drop {
				header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
				if err := unix.Capset(&header, &new([2]unix.CapUserData)[0]); err != nil {
					t.Error(err)
					return
				}
			}
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Error(err)
				return
			}
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, OwnMark)
			unix.Close(fd)
			if may := MayMark(); may && drop || may != (err == nil) {
				t.Errorf("MayMark %v, capabilities dropped: %v, the kernel says: %v", may, drop, err)
			}
		}
	}()
	<-done
}
