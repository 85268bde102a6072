package adapter

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"

	"culvert/hostnet"
	"culvert/nic"
	"culvert/nic/ether"
	"culvert/nic/nictest"
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

// TestNoMAC: a device that has none is no Ethernet adapter. The loopback of any
// host is such a one.
func TestNoMAC(t *testing.T) {
	for _, name := range []string{"lo", "no-such-device"} {
		a := &Adapter{NIC: nictest.New(name, 1500)}
		network := ether.Network{IPv4: ether.IPv4{Address: netip.MustParsePrefix("10.8.0.6/24")}}
		if err := a.addEthernet(network, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s passes for an Ethernet adapter, with %v", name, a.NIC)
		}
	}
}
