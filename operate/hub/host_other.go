//go:build !linux

package hub

import (
	"fmt"
	"runtime"

	"culvert/nic"
	"culvert/nic/frame"
)

// other is a system without TAP devices and packet sockets.
type other struct{}

func newHost() host { return other{} }

func (other) machine() string { return "" }

func unsupported() error {
	return fmt.Errorf("a hub's devices need Linux; this is %s", runtime.GOOS)
}

func (other) openTAP(string, string, frame.MAC, int) (nic.NIC, error) { return nil, unsupported() }

func (other) move(string, string, string) error { return unsupported() }

func (other) openPhysical(string) (nic.NIC, frame.MAC, error) {
	return nil, frame.MAC{}, unsupported()
}
