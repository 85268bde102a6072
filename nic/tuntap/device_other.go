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

// MAC is none here.
func (*Device) MAC() string { return "" }

// RegainMAC has no address to give.
func (*Device) RegainMAC() {}

// FormerMACs are none here.
func (*Device) FormerMACs() []frame.MAC { return nil }

// Follow has no address to tell.
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
