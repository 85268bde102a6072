package profile

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/host/hostnet"
	"culvert/nic/ether"
)

// pushedEthernet is the segment of a client's adapter, and what is left of its
// host's state.
func pushedEthernet(t *testing.T, own string, push ...string) (*ether.Network, hostnet.State, error) {
	t.Helper()
	c := pushed(t, own, push...)
	s, err := HostState(t.Context(), c, netip.MustParseAddr(serverText), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Ethernet(c, &s)
	return n, s, err
}

func TestNoEthernet(t *testing.T) {
	if n, s, err := pushedEthernet(t, "", both...); n != nil || err != nil || len(s.Addresses) != 2 {
		t.Errorf("%v, %v, %v", n, s, err)
	}
}

// TestPairs: the address that plays the DHCP server is the one that OpenVPN's
// rules give (man page, ip-win32 dynamic).
func TestPairs(t *testing.T) {
	subnet := func(address, mask string) []string {
		return []string{"topology subnet", "ifconfig " + address + " " + mask}
	}
	for name, c := range map[string]struct {
		own  string
		push []string
		want string // adapter, server, gateway
	}{
		"subnet":                   {"", subnet("10.8.0.2", "255.255.255.0"), "10.8.0.2/24 10.8.0.254 none"},
		"subnet, a gateway":        {"", []string{"topology subnet", "route-gateway 10.8.0.1", "ifconfig 10.8.0.2 255.255.255.0"}, "10.8.0.2/24 10.8.0.254 10.8.0.1"},
		"subnet, taken":            {"", subnet("10.8.0.254", "255.255.255.0"), "10.8.0.254/24 10.8.0.253 none"},
		"subnet, offset":           {"ip-win32 dynamic 7", subnet("10.8.0.2", "255.255.255.0"), "10.8.0.2/24 10.8.0.7 none"},
		"subnet, from the end":     {"ip-win32 dynamic -7", subnet("10.8.0.2", "255.255.255.0"), "10.8.0.2/24 10.8.0.248 none"},
		"subnet, default":          {"ip-win32 dynamic default 60", subnet("10.8.0.2", "255.255.255.0"), "10.8.0.2/24 10.8.0.254 none"},
		"subnet, offset 0":         {"ip-win32 dynamic 0", subnet("10.8.0.2", "255.255.255.0"), "10.8.0.2/24 10.8.0.0 none"},
		"subnet, offset -1":        {"ip-win32 dynamic -1 60", subnet("10.8.0.254", "255.255.255.0"), "error"},
		"subnet, offset taken":     {"ip-win32 dynamic 2", subnet("10.8.0.2", "255.255.255.0"), "error"},
		"subnet, offset too far":   {"ip-win32 dynamic 200", subnet("10.8.0.2", "255.255.255.128"), "error"},
		"subnet, too far back":     {"ip-win32 dynamic -200", subnet("10.8.0.2", "255.255.255.128"), "error"},
		"subnet of two, first":     {"", subnet("10.8.0.2", "255.255.255.254"), "10.8.0.2/31 10.8.0.3 none"},
		"subnet of two, second":    {"", subnet("10.8.0.3", "255.255.255.254"), "10.8.0.3/31 10.8.0.2 none"},
		"subnet of one":            {"", subnet("10.8.0.2", "255.255.255.255"), "error"},
		"subnet of two, offset 0":  {"ip-win32 dynamic 0", subnet("10.8.0.3", "255.255.255.254"), "10.8.0.3/31 10.8.0.2 none"},
		"subnet of two, taken":     {"ip-win32 dynamic 0", subnet("10.8.0.2", "255.255.255.254"), "error"},
		"subnet of one, a gateway": {"", append(subnet("10.8.0.2", "255.255.255.255"), "route-gateway 10.8.0.1"), "10.8.0.2/32 10.8.0.1 10.8.0.1"},
		"subnet of four, last":     {"", subnet("10.8.0.1", "255.255.255.252"), "10.8.0.1/30 10.8.0.2 none"},
		"subnet of four":           {"", subnet("10.8.0.2", "255.255.255.252"), "10.8.0.2/30 10.8.0.1 none"},
		"the whole of it":          {"", subnet("192.168.1.1", "128.0.0.0"), "192.168.1.1/1 255.255.255.254 none"},
		"net30":                    {"", []string{"topology net30", "ifconfig 10.8.0.6 10.8.0.5"}, "10.8.0.6/30 10.8.0.5 10.8.0.5"},
		"net30, offset":            {"ip-win32 dynamic 7", []string{"topology net30", "ifconfig 10.8.0.6 10.8.0.5"}, "10.8.0.6/30 10.8.0.5 10.8.0.5"},
		"net30, not in the middle": {"", []string{"topology net30", "ifconfig 10.8.0.7 10.8.0.6"}, "10.8.0.7/32 10.8.0.6 10.8.0.6"},
		"p2p":                      {"", []string{"topology p2p", "ifconfig 10.8.0.6 10.8.0.1"}, "10.8.0.6/32 10.8.0.1 10.8.0.1"},
	} {
		n, _, err := pushedEthernet(t, "adapter ethernet dhcp\n"+c.own, c.push...)
		got := "error"
		if err == nil {
			got = strings.ReplaceAll(fmt.Sprintf("%v %v %v", n.IPv4.Address, n.IPv4.Server, n.IPv4.Gateway), "invalid IP", "none")
		}
		if got != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
	if n, _, err := pushedEthernet(t, "adapter ethernet static", subnet("10.8.0.2", "255.255.255.255")...); err != nil || n.IPv4.Server.IsValid() && n.IPv4.Server == n.IPv4.Address.Addr() {
		t.Errorf("where nobody asks by DHCP: %v, %v", n, err)
	}
}

var names4 = []string{"dhcp-option DNS 10.8.0.1", "dhcp-option DNS6 fd00:8::1", "dhcp-option DOMAIN corp.example", "dhcp-option DOMAIN-SEARCH a.example",
	"dhcp-option NTP 10.8.0.2", "dhcp-option WINS 10.8.0.3", "dhcp-option NBDD 10.8.0.4", "dhcp-option NBT 8", "dhcp-option NBS scope", "dhcp-option DISABLE-NBT"}

// TestLeftToDHCP: the host's DHCP client is told all, and of the host's state
// only the ways past the tunnel are left.
func TestLeftToDHCP(t *testing.T) {
	push := slices.Concat(both, names4, []string{"redirect-gateway def1 ipv6", "route 172.16.0.0 255.240.0.0", "route 172.20.0.0 255.255.0.0 net_gateway", "route-ipv6 2001:db8::/32", "tun-mtu 1400"})
	n, s, err := pushedEthernet(t, "adapter ethernet dhcp\nip-win32 dynamic default 60", push...)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := stateText(s), "route 172.20.0.0/16 bypass\nroute 192.0.2.1/32 bypass\n"; got != want {
		t.Errorf("left of the host's state:\n%s\nwant\n%s", got, want)
	}
	want := ether.Network{MTU: 1400, DHCP: true, Lease: time.Minute,
		IPv4: ether.IPv4{Address: netip.MustParsePrefix("10.8.0.2/24"), Server: netip.MustParseAddr("10.8.0.254"), Gateway: netip.MustParseAddr("10.8.0.1"),
			Default: true, Routes: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")}},
		IPv6: ether.IPv6{Address: netip.MustParsePrefix("fd00:8::2/64"), Peer: netip.MustParseAddr("fd00:8::1"),
			Default: true, Routes: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
		DNS:    []netip.Addr{netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("fd00:8::1")},
		Domain: "corp.example", Search: []string{"corp.example", "a.example"},
		NTP: []netip.Addr{netip.MustParseAddr("10.8.0.2")},
	}
	want.NetBIOS = n.NetBIOS
	if got, want := fmt.Sprintf("%+v", *n), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprintf("%+v", n.NetBIOS); got != "{Names:[10.8.0.3] Distributions:[10.8.0.4] NodeType:8 Scope:scope Disable:true}" {
		t.Errorf("NetBIOS %s", got)
	}
	if n, _, _ := pushedEthernet(t, "adapter ethernet dhcp", both...); n.Lease != leaseTime {
		t.Errorf("leased for %v", n.Lease)
	}
}

// TestUnsaid: what DHCP has no words for is named, not dropped in silence.
func TestUnsaid(t *testing.T) {
	n, _, err := pushedEthernet(t, "adapter ethernet dhcp", with(both, "dns server 1 address 10.8.0.54:5353 10.8.0.55:53", "dns server 1 resolve-domains corp.example")...)
	if err != nil || fmt.Sprint(n.DNS) != "[10.8.0.55]" || len(n.Unsaid) != 2 || !strings.Contains(n.Unsaid[0], "10.8.0.54:5353") || !strings.Contains(n.Unsaid[1], "corp.example") {
		t.Errorf("%+v, %v", n, err)
	}
}

// resolved is what of dhcp-options a host takes without a DHCP client.
func resolved(options []string) []string {
	return slices.DeleteFunc(slices.Clone(options), func(o string) bool {
		return strings.HasPrefix(o, "dhcp-option") && !strings.HasPrefix(o, "dhcp-option D") || strings.Contains(o, "DISABLE-NBT")
	})
}

// TestStaticEthernet: the host is set as ever, and every route has a next hop.
func TestStaticEthernet(t *testing.T) {
	routes := []string{"redirect-gateway def1 ipv6", "route 172.16.0.0 255.240.0.0", "route-ipv6 2001:db8::/32"}
	n, s, err := pushedEthernet(t, "adapter ethernet", append([]string{"topology subnet", "ifconfig 10.8.0.2 255.255.255.0", "ifconfig-ipv6 fd00:8::2/64 fd00:8::1"}, append(routes, resolved(names4)...)...)...)
	if err != nil || n.DHCP {
		t.Fatal(n, err)
	}
	const want = `addr 10.8.0.2/24
addr fd00:8::2/64
route 172.16.0.0/12 via 10.8.0.254
route 2001:db8::/32 via fe80::8
route 192.0.2.1/32 bypass
route 0.0.0.0/1 via 10.8.0.254
route 128.0.0.0/1 via 10.8.0.254
route ::/1 via fe80::8
route 8000::/1 via fe80::8
dns [10.8.0.1:0 [fd00:8::1]:0] search [corp.example a.example] domains []
`
	if got := stateText(s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNoexecEthernet: who sets the addresses by hand is answered all the same.
func TestNoexecEthernet(t *testing.T) {
	n, s, err := pushedEthernet(t, "adapter ethernet\nifconfig-noexec", both...)
	if err != nil || len(s.Addresses) > 0 || n.IPv4.Address.String() != "10.8.0.2/24" || n.IPv6.Address.String() != "fd00:8::2/64" {
		t.Errorf("%+v, %v, %v", n, s, err)
	}
}
