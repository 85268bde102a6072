package bringup

import (
	"context"
	"errors"

	"culvert/nic/tuntap"
)

// Reserve opens a device of the kernel now, for a process that will have given up
// the right to when the state is known. It uses Device, MTU and LLAddr of want,
// and whether there is Ethernet. The Opener works once; name is the device's.
func Reserve(o Options, want State) (open Opener, name string, err error) {
	o.Apply = o.dividing()
	device, err := tuntap.Open(o.device(want))
	if err != nil {
		return nil, "", err
	}
	free := device
	return func(ctx context.Context, want State) (*Adapter, error) {
		if free == nil {
			return nil, errReserved
		}
		device := free
		free = nil
		if mac := device.MAC(); want.LLAddr == "" && mac != "" {
			want.LLAddr = mac // in case that udev replaced it meanwhile
		}
		return o.bringUp(ctx, device, want)
	}, device.Name(), nil
}

var errReserved = errors.New("the device opened at the start is closed, and opening another needs root; start culvert again")
