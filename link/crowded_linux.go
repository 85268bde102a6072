package link

import "golang.org/x/sys/unix"

var _ Crowder = (*UDP)(nil)

// Crowded reports whether the datagrams that wait to be sent fill half of the
// socket's buffer.
func (u *UDP) Crowded() (crowded bool) {
	u.raw.Control(func(fd uintptr) {
		waits, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		room, err2 := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
		crowded = err == nil && err2 == nil && waits > room/2
	})
	return crowded
}
