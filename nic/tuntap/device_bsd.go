//go:build darwin || freebsd || openbsd

package tuntap

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
	"golang.zx2c4.com/wireguard/tun"
)

func create(name string, mtu int) (tun.Device, error) { return tun.CreateTUN(name, mtu) }

// loadDriver says how to get the driver's nodes.
var loadDriver = map[string]string{
	"freebsd": "load it by `kldload if_tuntap`",
	"openbsd": "make its nodes by `cd /dev && sh MAKEDEV tun0 tun1 tun2 tun3`",
	"darwin":  "update macOS",
}[runtime.GOOS]

// explain adds the cause and the mend to a failure to make a device.
func explain(name string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("tuntap: %s: %w: run as root, %s (%w)", name, ErrDenied, noDevice, err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("tuntap: %s: %w: stop that process or choose another name, such as tun for the next free (%w)",
			name, ErrBusy, err)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("tuntap: %s: %w: %s, %s (%w)", name, ErrNoDriver, loadDriver, noDevice, err)
	}
	return fmt.Errorf("tuntap: make device %s: %w", name, err)
}
