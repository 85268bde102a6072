//go:build !linux && !windows && !darwin && !freebsd && !openbsd

package tuntap

import (
	"fmt"
	"runtime"

	"culvert/internal/buf"
	"culvert/nic"
	"culvert/nic/frame"
)

// Device is a kernel device. On this system Open never returns one.
type Device struct{}

// Open returns an error that wraps ErrName or ErrUnsupported.
func Open(o Options) (*Device, error) {
	if _, err := pattern(o.Kind, o.Name); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("tuntap: %w (%s): run on Linux, %s", ErrUnsupported, runtime.GOOS, noDevice)
}

// Name is empty.
func (*Device) Name() string { return "" }

// Kind is IP.
func (*Device) Kind() nic.Kind { return nic.IP }

// MAC is "": there are no Ethernet devices here.
func (*Device) MAC() string { return "" }

// RegainMAC does nothing: there are no Ethernet devices here.
func (*Device) RegainMAC() {}

// FormerMACs is nil: there are no Ethernet devices here.
func (*Device) FormerMACs() []frame.MAC { return nil }

// Follow does nothing: there are no Ethernet devices here.
func (*Device) Follow(func(frame.MAC)) error { return nil }

// MTU is 0.
func (*Device) MTU() int { return 0 }

// Stats are zero.
func (*Device) Stats() Stats { return Stats{} }

// ReadBatch returns an error that wraps fs.ErrClosed.
func (*Device) ReadBatch([]*buf.Packet) (int, error) { return 0, errClosed }

// WriteBatch returns an error that wraps fs.ErrClosed.
func (*Device) WriteBatch([]*buf.Packet) (int, error) { return 0, errClosed }

// Close does nothing.
func (*Device) Close() error { return nil }
