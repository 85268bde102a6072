//go:build !linux

package tuntap

import (
	"fmt"
	"runtime"

	"culvert/nic/frame"
)

// Physical is a physical adapter. On this system OpenPhysical never returns one.
type Physical struct{ Device }

// OpenPhysical returns an error that wraps ErrUnsupported.
func OpenPhysical(name string) (*Physical, error) {
	return nil, fmt.Errorf("tuntap: %s: %w (%s): frames cross a physical adapter on Linux only", name, ErrUnsupported, runtime.GOOS)
}

// MAC is zero.
func (*Physical) MAC() frame.MAC { return frame.MAC{} }
