package bringup

import (
	"errors"
	"testing"

	"culvert/host/hostnet"
	"culvert/host/process"
	"culvert/nic"
	"culvert/nic/ether"
	"culvert/nic/frame"
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

// TestMAC: a device's address is the one that is asked for, or the same each
// time for this machine, name and profile.
func TestMAC(t *testing.T) {
	o := Options{Profile: "office"}
	if got := o.mac("02:00:5e:10:00:01", "tap0").String(); got != "02:00:5e:10:00:01" {
		t.Errorf("lladdr does not win: %s", got)
	}
	if got := (Options{}).mac("", "tap0"); got != (frame.MAC{}) {
		t.Errorf("%v for nobody's profile", got)
	}
	first := o.mac("", "tap0")
	if _, known := process.Place(); !known {
		if first != (frame.MAC{}) {
			t.Errorf("%v on a machine that cannot be told from others", first)
		}
		return
	}
	other := Options{Profile: "home"}
	if !first.IsStation() || first != o.mac("", "tap0") || first == o.mac("", "tap1") || first == other.mac("", "tap0") {
		t.Errorf("%v again %v, another name %v, another profile %v", first, o.mac("", "tap0"), o.mac("", "tap1"), other.mac("", "tap0"))
	}
}

func TestUserSpaceHasNoEthernet(t *testing.T) {
	_, err := UserSpace(nil)(t.Context(), State{Ethernet: &ether.Network{}})
	if !errors.Is(err, errNoEthernet) {
		t.Errorf("opened, with %v", err)
	}
}
