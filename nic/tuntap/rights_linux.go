package tuntap

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// CheckRights says what Open would say for want of a driver or of rights, and
// opens no device. Nil is no promise.
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

// mayConfigure reports the right to make network devices. It is true where the
// system does not say.
func mayConfigure() bool {
	var own [2]unix.CapUserData // 32 capabilities each
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if unix.Capget(&header, &own[0]) != nil {
		return true
	}
	return own[0].Effective&(1<<unix.CAP_NET_ADMIN) != 0
}
