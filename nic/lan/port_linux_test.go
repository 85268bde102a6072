package lan

import (
	"net/netip"
	"testing"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/bpf"

	"culvert/nic/ether/datagram"
	"culvert/nic/ether/neighbor"
	"culvert/nic/frame"
)

// TestWanted runs the filter as the kernel would, except for what is asked of the
// frame's direction and tag.
func TestWanted(t *testing.T) {
	vm, err := bpf.NewVM(wanted)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bpf.Assemble(filter); err != nil {
		t.Fatal(err)
	}
	to := func(addr string, port uint16) []byte {
		a := netip.MustParseAddr(addr)
		return datagram.Datagram{Src: netip.AddrPortFrom(a, 67), Dst: netip.AddrPortFrom(a, port)}.Append(nil, there, here)
	}
	advert, _ := neighbor.ND{Src: client6, Dst: client6, Message: &ndp.NeighborAdvertisement{TargetAddress: client6}}.Append(nil, there, here)
	router, _ := neighbor.ND{Src: client6, Dst: client6, Message: &ndp.RouterSolicitation{}}.Append(nil, there, here)
	tcp := to("192.0.2.1", 68)
	tcp[frame.HeaderLen+9] = 6
	for name, c := range map[string]struct {
		frame []byte
		pass  bool
	}{
		"ARP":             {arp(stranger, client4), true},
		"a solicitation":  {solicit(t, client6, client6), true},
		"advertisement":   {advert, true},
		"a router's":      {router, false},
		"DHCP":            {to("192.0.2.1", 68), true},
		"other UDP":       {to("192.0.2.1", 53), false},
		"TCP":             {tcp, false},
		"UDP over IPv6":   {to("2001:db8::1", 68), false},
		"something else":  {frame.Header{Type: 0x88cc}.Append(nil), false},
		"cut to a header": {arp(stranger, client4)[:14], true},
	} {
		n, err := vm.Run(c.frame)
		if err != nil || (n > 0) != c.pass {
			t.Errorf("%s: passes %d bytes, %v; want %v", name, n, err, c.pass)
		}
	}
}
