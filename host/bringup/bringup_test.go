package bringup

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"culvert/host/hostnet"
)

func TestServersHaveAPort(t *testing.T) {
	pushed := &hostnet.DNS{Servers: []netip.AddrPort{
		netip.AddrPortFrom(netip.MustParseAddr("9.9.9.9"), 0), netip.MustParseAddrPort("[2001:db8::53]:5353")}}
	want := []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:53"), netip.MustParseAddrPort("[2001:db8::53]:5353")}
	if got := servers(pushed); !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
	if got := servers(nil); len(got) > 0 {
		t.Errorf("%v without names", got)
	}
}

// TestUserSpaceWithoutAddress: a stack without an address would be dead, and
// nothing else can give it one.
func TestUserSpaceWithoutAddress(t *testing.T) {
	want := State{State: hostnet.State{Device: "tun", MTU: 1500}}
	if _, err := UserSpace(nil)(t.Context(), want); !errors.Is(err, errNoAddress) {
		t.Errorf("without an address: %v", err)
	}
	want.Addresses = []hostnet.Address{{Prefix: netip.MustParsePrefix("10.8.0.2/24")}}
	a, err := UserSpace(nil)(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
}
