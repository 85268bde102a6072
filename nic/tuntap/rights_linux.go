package tuntap

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// CheckRights returns the error that Open would return if a driver or a right is
// missing, without opening a device. Nil is no promise that Open succeeds.
func CheckRights(o Options) error {
	name, err := pattern(o.Kind, o.Name)
	if err != nil {
		return err
	}
	node := cmp.Or(o.Node, defaultNode)
	fd, err := unix.Open(node, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nodeError(node, err)
	}
	unix.Close(fd)
	if exists(name) || mayConfigure() {
		return nil // a device that is there may be this user's
	}
	return attachError(name, false, unix.EPERM)
}

// mayConfigure reports whether this process may make network devices. It reports
// true if the system does not say.
func mayConfigure() bool {
	var own [2]unix.CapUserData // 32 capabilities each
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if unix.Capget(&header, &own[0]) != nil {
		return true
	}
	return own[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}
