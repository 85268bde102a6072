package tuntap

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"culvert/nic"
)

// driverFlags returns the flags for a kind of device, without the driver's four
// bytes before each packet.
func driverFlags(kind nic.Kind) uint16 {
	if kind == nic.Ethernet {
		return unix.IFF_TAP | unix.IFF_NO_PI
	}
	return unix.IFF_TUN | unix.IFF_NO_PI
}

// attach opens the driver's node, binds it to the device of that name or pattern,
// and returns the device's real name.
func attach(node, name string, flags uint16) (fd int, real string, err error) {
	fd, err = unix.Open(node, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, "", nodeError(node, err)
	}
	real, err = setIff(fd, name, flags)
	if errors.Is(err, unix.EINVAL) {
		// A persistent device that was made with several queues accepts only
		// openers that ask for several, and one made without accepts only others.
		real, err = setIff(fd, name, flags^unix.IFF_MULTI_QUEUE)
	}
	if errors.Is(err, unix.ENOTTY) {
		unix.Close(fd)
		return -1, "", fmt.Errorf("tuntap: %w behind %s: name the driver's node, usually %s, %s (%w)", ErrNoDriver, node, defaultNode, noDevice, err)
	}
	if err != nil {
		unix.Close(fd)
		return -1, "", attachError(name, exists(name), err)
	}
	return fd, real, nil
}

func setIff(fd int, name string, flags uint16) (string, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return "", err
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return "", err
	}
	return ifr.Name(), nil
}

// nodeError explains a failure to open the driver's node.
func nodeError(node string, err error) error {
	mend := "load it by `modprobe tun`; in a container add `--device " + node + "`"
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("tuntap: %w: %s is not there: %s, %s (%w)", ErrNoDriver, node, mend, noDevice, err)
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("tuntap: %w behind %s: %s, %s (%w)", ErrNoDriver, node, mend, noDevice, err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("tuntap: %w: run as root (sudo), or let users open it by `chmod 0666 %s`, %s (%w)",
			ErrNodeDenied, node, noDevice, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("tuntap: %w: a device rule (cgroup) forbids %s; in a container add `--device %s`, %s (%w)",
			ErrNodeDenied, node, node, noDevice, err)
	}
	return fmt.Errorf("tuntap: open %s: %w", node, err)
}

// attachError explains a failure to bind the driver to a device.
func attachError(name string, exists bool, err error) error {
	switch {
	case errors.Is(err, unix.EPERM) && exists:
		return fmt.Errorf("tuntap: %s: %w: run as that user or root, or remove it and make it for your user, %s (%w)",
			name, ErrNotOwner, noDevice, err)
	case errors.Is(err, unix.EPERM):
		return deniedError(name, "have root make a persistent device for this user", err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("tuntap: %s: %w: stop that process or choose another name, such as tun for the next free (%w)",
			name, ErrBusy, err)
	case errors.Is(err, unix.EINVAL) && exists:
		return fmt.Errorf("tuntap: %s: %w: choose another name, such as tun for the next free, or remove it and make it of the right kind: "+
			"mode tun for IP, tap for Ethernet, in `ip tuntap add` as in NetworkManager's tun.mode (1, 2) (%w)", name, ErrKind, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("tuntap: %w: %q: choose one such as tun0 (%w)", ErrName, name, err)
	}
	return fmt.Errorf("tuntap: attach to %s: %w", name, err)
}

func deniedError(name, way string, err error) error {
	if strings.Contains(name, "%") { // the kernel was to choose one
		name = "a new device"
	}
	return fmt.Errorf("tuntap: %s: %w: run as root (sudo) or with CAP_NET_ADMIN (in a container `--cap-add NET_ADMIN`), or %s, %s (%w)",
		name, ErrDenied, way, noDevice, err)
}
