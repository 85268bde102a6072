//go:build darwin || freebsd

package remote

import (
	"net"

	"golang.org/x/sys/unix"
)

// peer returns the user of the process at the other end.
func peer(conn *net.UnixConn) (uid int, known bool) {
	const local = 0 // SOL_LOCAL
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, true
	}
	var cred *unix.Xucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptXucred(int(fd), local, unix.LOCAL_PEERCRED) }) != nil || err != nil {
		return -1, true
	}
	return int(cred.Uid), true
}
