package adapter

import (
	"errors"
	"testing"

	"culvert/hostnet"
	"culvert/nic"
	"culvert/nic/ether"
)

// TestDeviceNames: a device that was to be the next free tun is the next free
// tap, and one with a name of its own keeps it.
func TestDeviceNames(t *testing.T) {
	for name, want := range map[string]string{"tun": "", "tun3": "tun3", "office": "office"} {
		s := State{State: hostnet.State{Device: name, MTU: 1400}, Ethernet: &ether.Network{}}
		if o := (Options{}).device(s); o.Name != want || o.Kind != nic.Ethernet || o.MTU != 1400 {
			t.Errorf("%s: %+v", name, o)
		}
		s.Ethernet = nil
		if o := (Options{}).device(s); o.Name != name || o.Kind != nic.IP {
			t.Errorf("%s without Ethernet: %+v", name, o)
		}
	}
}

func TestUserSpaceHasNoEthernet(t *testing.T) {
	_, err := UserSpace(nil)(t.Context(), State{Ethernet: &ether.Network{}})
	if !errors.Is(err, errNoEthernet) {
		t.Errorf("opened, with %v", err)
	}
}
