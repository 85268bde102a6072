package tuntap

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ioctl asks the kernel about the device named in ifr, or sets something of it.
func ioctl(request uint, ifr *unix.Ifreq) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.IoctlIfreq(fd, request, ifr)
}

// exists reports whether this network namespace has a device of that name.
func exists(name string) bool {
	_, err := getMTU(name)
	return err == nil
}

func getMTU(name string) (int, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := ioctl(unix.SIOCGIFMTU, ifr); err != nil {
		return 0, err
	}
	return int(ifr.Uint32()), nil
}

func setMTU(name string, mtu int) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	ifr.SetUint32(uint32(mtu))
	return ioctl(unix.SIOCSIFMTU, ifr)
}

// ensureMTU sets the device's MTU to want, unless that is 0, and returns the MTU.
func ensureMTU(name string, want int) (int, error) {
	is, err := getMTU(name)
	if err != nil {
		return 0, fmt.Errorf("tuntap: %s: read the MTU: %w", name, err)
	}
	if want == 0 || want == is {
		return is, nil
	}
	err = setMTU(name, want)
	switch {
	case err == nil:
		return want, nil
	case errors.Is(err, unix.EPERM):
		way := fmt.Sprintf("have root set it by `ip link set dev %s mtu %d`, or use its MTU of %d", name, want, is)
		return 0, deniedError(name, way, err)
	}
	return 0, fmt.Errorf("tuntap: %s: an MTU of %d: want 68 to 65535 (%w)", name, want, err)
}
