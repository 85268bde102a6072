package tuntap

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/tun"
)

// create makes a Wintun adapter. Its GUID is derived from its name, so that Windows
// recognizes the network at each start and keeps the user's choice for it, such as
// private or public.
func create(name string, mtu int) (tun.Device, error) {
	tun.WintunTunnelType = "Culvert"
	digest := sha256.Sum256([]byte("culvert adapter " + name))
	guid := *(*windows.GUID)(unsafe.Pointer(&digest))
	return tun.CreateTUNWithRequestedGUID(name, &guid, mtu)
}

// explain adds the cause and the mend to a failure to make a device.
func explain(name string, err error) error {
	const mend = "put the wintun.dll of this architecture beside culvert.exe (it is in Wintun's distribution)"
	switch {
	case errors.Is(err, windows.ERROR_MOD_NOT_FOUND), errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return fmt.Errorf("tuntap: %s: %w: wintun.dll is not there: %s, %s (%w)", name, ErrNoDriver, mend, noDevice, err)
	case errors.Is(err, windows.ERROR_BAD_EXE_FORMAT):
		return fmt.Errorf("tuntap: %s: %w: wintun.dll is of another architecture: %s, %s (%w)", name, ErrNoDriver, mend, noDevice, err)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return fmt.Errorf("tuntap: %s: %w: run as administrator, %s (%w)", name, ErrDenied, noDevice, err)
	}
	return fmt.Errorf("tuntap: make adapter %s: %w", name, err)
}
