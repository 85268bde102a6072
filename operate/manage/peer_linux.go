package manage

import (
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// peerName is the user at the other end of a Unix socket, as the kernel says: a name, or a
// number where there is none; "this machine" if it does not say.
func peerName(conn net.Conn) string {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return unnamed
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return unnamed
	}
	var who *unix.Ucred
	var fault error
	if err := raw.Control(func(fd uintptr) { who, fault = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || fault != nil {
		return unnamed
	}
	uid := strconv.Itoa(int(who.Uid))
	if found, err := user.LookupId(uid); err == nil { // by /etc/passwd, which a jail may not have
		return found.Username
	}
	return "user " + uid
}
