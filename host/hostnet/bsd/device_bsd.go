//go:build darwin || freebsd || openbsd

package bsd

import (
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

var here = layouts[runtime.GOOS]

// AddAddress gives a device an address, and where it is point-to-point a peer,
// if that is valid. Giving it the same address again changes nothing. The
// error is the system's.
func AddAddress(device string, own netip.Prefix, peer netip.Addr) error {
	return send(familyOf(own.Addr()), here.addAddress(device, own, peer, unix.AF_INET6))
}

// RemoveAddress takes one away.
func RemoveAddress(device string, own netip.Addr) error {
	return send(familyOf(own), removeAddress(device, own, unix.AF_INET6))
}

// SetMTU sets the largest packet of a device, in bytes.
func SetMTU(device string, bytes int) error { return send(unix.AF_INET, here.mtu(device, bytes)) }

// SetUp switches a device on or off.
func SetUp(device string, on bool) error {
	r := flags(device)
	if err := send(unix.AF_INET, r); err != nil {
		return err
	}
	return send(unix.AF_INET, r.up(on))
}

func familyOf(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// send makes a request, whose argument then holds the answer.
func send(family int, r request) error {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), r.number, uintptr(unsafe.Pointer(unsafe.SliceData(r.arg))))
	if errno != 0 {
		return errno
	}
	return nil
}
