package profile

import (
	"net/netip"
	"testing"

	"culvert/host/hostnet"
)

// TestEchoOf: pings go to the other end's own address, if it has one.
func TestEchoOf(t *testing.T) {
	for push, want := range map[string]string{
		"ifconfig 10.8.0.2 255.255.255.0\ntopology subnet\nroute-gateway 10.8.0.1":               "10.8.0.2 10.8.0.1",
		"ifconfig 10.8.0.6 10.8.0.5\nroute 10.9.0.0 255.255.0.0\nroute 10.8.0.1\ntopology net30": "10.8.0.6 10.8.0.1",
		"ifconfig 10.8.0.6 10.8.0.5\ntopology net30":                                             "10.8.0.6 10.8.0.5",
		"ifconfig 10.8.0.2 10.8.0.1\ntopology p2p":                                               "10.8.0.2 10.8.0.1",
		"ifconfig-ipv6 fd00::2/64 fd00::1":                                                       "fd00::2 fd00::1",
		"ifconfig 10.8.0.2 255.255.255.0\ntopology subnet\nifconfig-ipv6 fd00::2/64 fd00::1":     "fd00::2 fd00::1",
		"ifconfig 10.8.0.2 255.255.255.0\ntopology subnet":                                       "",
		"dev tap\nifconfig 10.8.0.2 255.255.255.0\nroute-gateway 10.8.0.1":                       "",
		"ifconfig 10.8.0.6 10.8.0.5\ntopology net30\nroute-gateway 10.8.0.1\nroute 10.9.0.1":     "10.8.0.6 10.8.0.1",
	} {
		e := EchoOf(clientConfig(t, push))
		got := ""
		if e.From.IsValid() && e.To.IsValid() {
			got = e.From.String() + " " + e.To.String()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", push, got, want)
		}
	}
}

// TestAdapterMTU: an adapter has no more than the path carries, no less than IPv6 needs where
// anything of it is there, and its own where it carries Ethernet.
func TestAdapterMTU(t *testing.T) {
	prefix := netip.MustParsePrefix
	four := hostnet.State{MTU: 1500, Addresses: []hostnet.Address{{Prefix: prefix("10.8.0.2/24")}}, Routes: []hostnet.Route{{Dst: prefix("2001:db8::1/128"), Bypass: true}}}
	six, refused, chosen := four, four, four
	six.Addresses = append(six.Addresses[:1:1], hostnet.Address{Prefix: prefix("fd00::2/64")})
	refused.Routes = []hostnet.Route{{Dst: prefix("8000::/1")}}
	chosen.Chosen = new(hostnet.Chosen)
	for _, c := range []struct {
		name        string
		lines       string
		state       hostnet.State
		inner, want int
	}{
		{"narrow", "", four, 1260, 1260}, {"wide", "", four, 0, 1500}, {"less than a host takes", "", four, 500, 576}, {"no narrower than it is", "", four, 1600, 1500},
		{"IPv6", "", six, 1260, 1280}, {"IPv6 that fits", "", six, 1300, 1300}, {"IPv6 is refused", "", refused, 1260, 1280}, {"IPv6 is chosen", "", chosen, 1260, 1280},
		{"IPv6 by programs", "route-ipv6 2001:db8::/64\nroute-noexec", four, 1260, 1280}, {"IPv6 set by others", "ifconfig-ipv6 fd00::2/64 fd00::1\nifconfig-noexec", four, 1260, 1280},
		{"tap", "dev tap", four, 1260, 1500}, {"Ethernet", "adapter ethernet", four, 1260, 1500},
	} {
		if got := AdapterMTU(clientConfig(t, c.lines), c.state, c.inner); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
