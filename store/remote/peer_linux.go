package remote

import (
	"net"

	"golang.org/x/sys/unix"
)

// peer returns the user of the process at the other end.
func peer(conn *net.UnixConn) (uid int, known bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, true
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return -1, true
	}
	return int(cred.Uid), true
}
