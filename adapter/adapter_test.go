package adapter

import (
	"net/netip"
	"slices"
	"testing"

	"culvert/hostnet"
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
