package management

import (
	"fmt"
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"

	"culvert/config"
)

// permitted reports why whoever is at the other end of a Unix socket may not use it
// (management-client-user, -group); nil: they may.
func permitted(cfg config.Management, conn net.Conn) error {
	u, ok := conn.(*net.UnixConn)
	if !ok || cfg.ClientUser == "" && cfg.ClientGroup == "" {
		return nil
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var who *unix.Ucred
	var fault error
	if err := raw.Control(func(fd uintptr) { who, fault = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err
	}
	if fault != nil {
		return fault
	}
	if name := cfg.ClientUser; name != "" {
		if want, err := user.Lookup(name); err != nil || want.Uid != strconv.Itoa(int(who.Uid)) {
			return fmt.Errorf("a program of user %d may not use it; management-client-user allows %s", who.Uid, name)
		}
	}
	if name := cfg.ClientGroup; name != "" {
		if want, err := user.LookupGroup(name); err != nil || want.Gid != strconv.Itoa(int(who.Gid)) {
			return fmt.Errorf("a program of group %d may not use it; management-client-group allows %s", who.Gid, name)
		}
	}
	return nil
}
