package profile

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"culvert/config"
	"culvert/host/hostnet"
)

const serverText = "192.0.2.1"

// pushed is the configuration of a client with some directives of its own and
// some pushed by the server.
func pushed(t *testing.T, own string, push ...string) *config.Config {
	t.Helper()
	c := profile(t, own)
	c, notes, err := config.ParsePushed(c, push)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range notes {
		t.Errorf("%v: %s", n.Pos, n.Text)
	}
	return c
}

// profile is a client's configuration with directives of its own.
func profile(t *testing.T, directives string) *config.Config {
	t.Helper()
	text := "client\ndev tun\nremote " + serverText + "\nca x\ncert x\nkey x\n" + directives + "\n"
	c, err := config.ParseFile("x.ovpn", []byte(text), func(string) ([]byte, error) { return []byte("-----BEGIN x"), nil })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hosts is a resolver of a fixed set of names.
func hosts(known map[string][]string) Resolver {
	return func(_ context.Context, _, host string) (list []netip.Addr, err error) {
		for _, a := range known[host] {
			list = append(list, netip.MustParseAddr(a))
		}
		if list == nil {
			return nil, errors.New("no such host")
		}
		return list, nil
	}
}

// stateText is a state in short: a line each for addresses, routes and names.
func stateText(s hostnet.State) string {
	var b strings.Builder
	for _, a := range s.Addresses {
		fmt.Fprintf(&b, "addr %v", a.Prefix)
		if a.Peer.IsValid() {
			fmt.Fprintf(&b, " peer %v", a.Peer)
		}
		b.WriteString("\n")
	}
	for _, r := range s.Routes {
		fmt.Fprintf(&b, "route %v", r.Dst)
		if r.Via.IsValid() {
			fmt.Fprintf(&b, " via %v", r.Via)
		}
		if r.Bypass {
			b.WriteString(" bypass")
		}
		if r.Metric != 0 {
			fmt.Fprintf(&b, " metric %d", r.Metric)
		}
		if r.Table != 0 {
			fmt.Fprintf(&b, " table %d", r.Table)
		}
		b.WriteString("\n")
	}
	if s.BlockLocal {
		b.WriteString("block-local\n")
	}
	if s.DNS != nil {
		fmt.Fprintf(&b, "dns %v search %v domains %v\n", s.DNS.Servers, s.DNS.Search, s.DNS.Domains)
	}
	return b.String()
}

var (
	subnet = []string{"topology subnet", "route-gateway 10.8.0.1", "ifconfig 10.8.0.2 255.255.255.0"}
	both   = append(subnet[:3:3], "ifconfig-ipv6 fd00:8::2/64 fd00:8::1")
)

func with(base []string, more ...string) []string { return append(base[:len(base):len(base)], more...) }

func TestHostState(t *testing.T) {
	ipv6Off = func() bool { return false }
	t.Cleanup(func() { ipv6Off = hostnet.IPv6Off })
	const addr, addr6 = "addr 10.8.0.2/24\n", "addr fd00:8::2/64\n"
	for name, c := range map[string]struct {
		own  string
		push []string
		want string
	}{
		"subnet": {"", subnet, addr},
		"both":   {"", both, addr + addr6},
		"net30": {"", []string{"topology net30", "route 10.8.0.1", "ifconfig 10.8.0.6 10.8.0.5"},
			"addr 10.8.0.6/32 peer 10.8.0.5\nroute 10.8.0.1/32 via 10.8.0.5\n"},
		"p2p": {"", []string{"topology p2p", "ifconfig 10.8.0.6 10.8.0.1"}, "addr 10.8.0.6/32 peer 10.8.0.1\n"},

		"redirect":       {"", with(both, "redirect-gateway def1"), addr + addr6 + "route 192.0.2.1/32 bypass\nroute 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\n"},
		"redirect, ipv6": {"", with(both, "redirect-gateway def1 ipv6"), addr + addr6 + "route 192.0.2.1/32 bypass\nroute 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\nroute ::/1\nroute 8000::/1\n"},
		"redirect, IPv6 alone": {"", with(both, "redirect-gateway ipv6 !ipv4"),
			addr + addr6 + "route 192.0.2.1/32 bypass\nroute ::/1\nroute 8000::/1\n"},
		"redirect, ipv6 without an address": {"", with(subnet, "redirect-gateway ipv6"),
			addr + "route 192.0.2.1/32 bypass\nroute 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\n"},
		"redirect, local": {"", with(subnet, "redirect-gateway local def1"), addr + "route 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\n"},
		"redirect, block-local": {"", with(subnet, "redirect-gateway def1 autolocal block-local"),
			addr + "route 192.0.2.1/32 bypass\nroute 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\nblock-local\n"},
		"redirect, block-ipv6": {"", with(subnet, "redirect-gateway def1", "block-ipv6"),
			addr + "route 192.0.2.1/32 bypass\nroute 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\nroute ::/1\nroute 8000::/1\n"},
		"block-ipv6 alone": {"block-ipv6", with(subnet, "redirect-private"), addr + "route 192.0.2.1/32 bypass\n"},
		"route-table": {"route-table 77\nroute 172.17.0.0 255.255.0.0 net_gateway", with(both, "redirect-gateway def1 ipv6", "route 172.16.0.0 255.255.0.0", "route-ipv6 2001:db8::/32"),
			addr + addr6 + "route 172.17.0.0/16 bypass table 77\nroute 172.16.0.0/16 via 10.8.0.1 table 77\nroute 2001:db8::/32 table 77\n" +
				"route 192.0.2.1/32 bypass\nroute 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\nroute ::/1 table 77\nroute 8000::/1 table 77\n"},
		"route-table, the main one": {"route-table 254", with(subnet, "route 172.16.0.0 255.255.0.0"), addr + "route 172.16.0.0/16 via 10.8.0.1\n"},
		"redirect-private":          {"", with(subnet, "redirect-private def1"), addr + "route 192.0.2.1/32 bypass\n"},
		"redirect, net30": {"redirect-gateway def1", []string{"topology net30", "ifconfig 10.8.0.6 10.8.0.5"},
			"addr 10.8.0.6/32 peer 10.8.0.5\nroute 192.0.2.1/32 bypass\nroute 0.0.0.0/1 via 10.8.0.5\nroute 128.0.0.0/1 via 10.8.0.5\n"},

		"route":                {"", with(subnet, "route 172.16.0.0 255.255.0.0"), addr + "route 172.16.0.0/16 via 10.8.0.1\n"},
		"route, vpn_gateway":   {"", with(subnet, "route 172.16.0.0 255.255.0.0 vpn_gateway 50"), addr + "route 172.16.0.0/16 via 10.8.0.1 metric 50\n"},
		"route, net_gateway":   {"", with(subnet, "route 172.16.0.0 255.255.0.0 net_gateway"), addr + "route 172.16.0.0/16 bypass\n"},
		"route, address":       {"", with(subnet, "route 172.16.0.0 255.255.0.0 10.8.0.9"), addr + "route 172.16.0.0/16 via 10.8.0.9\n"},
		"route, remote_host":   {"", with(subnet, "route remote_host 255.255.255.255 net_gateway"), addr + "route 192.0.2.1/32 bypass\n"},
		"route to the gateway": {"", with(subnet, "route vpn_gateway 255.255.255.255"), addr + "route 10.8.0.1/32 via 10.8.0.1\n"},
		"route of a name":      {"route intra.example.org", subnet, addr + "route 172.20.0.1/32 via 10.8.0.1\nroute 172.20.0.2/32 via 10.8.0.1\n"},
		"route of a name past the tunnel": {"route files.example.org 255.255.255.255 net_gateway 5\nroute-ipv6 files.example.org/128 net_gateway_ipv6 6", both,
			addr + addr6 + "route 172.21.0.1/32 bypass metric 5\nroute 2001:db8:21::1/128 bypass metric 6\n"},
		"route of a name's network": {"route files.example.org 255.255.0.0\nroute-ipv6 files.example.org/48", both, addr + addr6 + "route 172.21.0.0/16 via 10.8.0.1\nroute 2001:db8:21::/48\n"},
		"route-ipv6 of a bare name": {"route-ipv6 files.example.org", both, addr + addr6 + "route 2001:db8:21::1/128\n"},
		"route by a named gateway":  {"route 172.16.0.0 255.255.0.0 intra.example.org", subnet, addr + "route 172.16.0.0/16 via 172.20.0.1\n"},
		"route by the remote host":  {"route 172.16.0.0 255.255.0.0 remote_host", subnet, addr + "route 172.16.0.0/16 via 192.0.2.1\n"},
		"route-ipv6, special names": {"", with(both, "route-ipv6 2001:db8:1::/48 vpn_gateway_ipv6 8", "route-ipv6 2001:db8:2::/48 net_gateway", "route-ipv6 vpn_gateway_ipv6/128", "route-ipv6 remote_host_ipv6/128 net_gateway_ipv6"),
			addr + addr6 + "route 2001:db8:1::/48 metric 8\nroute 2001:db8:2::/48 bypass\nroute fd00:8::1/128\n"},
		"pushed names, allowed": {"allow-pull-fqdn", with(both, "route files.example.org", "route-ipv6 files.example.org/128"), addr + addr6 + "route 172.21.0.1/32 via 10.8.0.1\nroute 2001:db8:21::1/128\n"},
		"route, own metric":     {"route-metric 7\nroute 172.16.0.0 255.255.0.0\nroute 172.17.0.0 255.255.0.0 vpn_gateway 3", subnet, addr + "route 172.16.0.0/16 via 10.8.0.1 metric 7\nroute 172.17.0.0/16 via 10.8.0.1 metric 3\n"},
		"route-ipv6":            {"", with(both, "route-ipv6 2001:db8::/32"), addr + addr6 + "route 2001:db8::/32\n"},
		"route-nopull":          {"route-nopull\nroute 172.18.0.0 255.255.0.0", with(subnet, "route 172.16.0.0 255.255.0.0"), ""},
		"route-noexec":          {"route-noexec\nroute 172.18.0.0 255.255.0.0", subnet, addr},

		"dhcp-option":        {"", with(subnet, "dhcp-option DNS 10.8.0.1", "dhcp-option DNS 9.9.9.9", "dhcp-option DOMAIN corp.example"), addr + "dns [10.8.0.1:0 9.9.9.9:0] search [corp.example] domains []\n"},
		"dns server":         {"", with(subnet, "dns server 2 address 10.8.0.53", "dns server 1 address 10.8.0.54:5353", "dns server 1 resolve-domains corp.example"), addr + "dns [10.8.0.54:5353] search [] domains [corp.example]\n"},
		"dns before dhcp":    {"", with(subnet, "dhcp-option DNS 9.9.9.9", "dns server 0 address 10.8.0.53", "dns search-domains corp.example"), addr + "dns [10.8.0.53:0] search [corp.example] domains []\n"},
		"search domain once": {"", with(subnet, "dhcp-option DOMAIN a.example", "dns search-domains b.example a.example"), addr + "dns [] search [b.example a.example] domains []\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "route-nopull" { // its notes are its purpose
				cfg, _, err := config.ParsePushed(profile(t, c.own), c.push)
				if err != nil {
					t.Fatal(err)
				}
				if len(cfg.Routing.Routes) != 1 || cfg.Routing.Routes[0].Net != netip.MustParsePrefix("172.18.0.0/16") {
					t.Errorf("routes %v", cfg.Routing.Routes)
				}
				return
			}
			cfg := pushed(t, c.own, c.push...)
			resolve := hosts(map[string][]string{
				"intra.example.org": {"172.20.0.1", "172.20.0.2"},
				"files.example.org": {"2001:db8:21::1", "172.21.0.1"},
			})
			state, err := HostState(t.Context(), cfg, netip.MustParseAddr(serverText), resolve)
			if err != nil {
				t.Fatal(err)
			}
			if got := stateText(state); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestBlockIPv6WhereThereIsNone: a host without IPv6 gets no routes of it.
func TestBlockIPv6WhereThereIsNone(t *testing.T) {
	ipv6Off = func() bool { return true }
	t.Cleanup(func() { ipv6Off = hostnet.IPv6Off })
	cfg := pushed(t, "", with(subnet, "redirect-gateway def1", "block-ipv6")...)
	state, err := HostState(t.Context(), cfg, netip.MustParseAddr(serverText), hosts(nil))
	if err != nil || strings.Contains(stateText(state), "::") {
		t.Errorf("%v\n%s", err, stateText(state))
	}
}

// TestHostStateOfEthernet: routes need a gateway there, and are left out without
// one.
func TestHostStateOfEthernet(t *testing.T) {
	const addr, addr6 = "addr 10.8.0.2/24\n", "addr fd00:8::2/64\n"
	plain := []string{"ifconfig 10.8.0.2 255.255.255.0", "route 172.16.0.0 255.255.0.0"}
	for name, c := range map[string]struct {
		push    []string
		want    string
		without bool
	}{
		"gateway": {with(both, "route 172.16.0.0 255.255.0.0", "route-ipv6 2001:db8::/32"),
			addr + addr6 + "route 172.16.0.0/16 via 10.8.0.1\nroute 2001:db8::/32 via fd00:8::1\n", false},
		"redirect": {with(both, "redirect-gateway def1 ipv6"), addr + addr6 + "route 192.0.2.1/32 bypass\n" +
			"route 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\nroute ::/1 via fd00:8::1\nroute 8000::/1 via fd00:8::1\n", false},
		"route-ipv6-gateway": {with(both, "route-ipv6-gateway fd00:8::9", "route-ipv6 2001:db8::/32"), addr + addr6 + "route 2001:db8::/32 via fd00:8::9\n", false},
		"block-ipv6": {with(subnet, "redirect-gateway def1", "block-ipv6"), addr + "route 192.0.2.1/32 bypass\n" +
			"route 0.0.0.0/1 via 10.8.0.1\nroute 128.0.0.0/1 via 10.8.0.1\nroute ::/1\nroute 8000::/1\n", false},
		"by DHCP":            {with(plain, "route-gateway dhcp"), addr, true},
		"none":               {plain, addr, true},
		"its own":            {with(plain[:1], "route 172.16.0.0 255.255.0.0 10.8.0.9"), addr + "route 172.16.0.0/16 via 10.8.0.9\n", false},
		"redirect, none":     {with(plain[:1], "redirect-gateway def1"), addr + "route 192.0.2.1/32 bypass\n", true},
		"topology no matter": {[]string{"topology net30", plain[0]}, addr, false},
	} {
		cfg := pushed(t, "dev tap", c.push...)
		state, err := HostState(context.Background(), cfg, netip.MustParseAddr(serverText), hosts(nil))
		if got := stateText(state); got != c.want || err != nil || WithoutGateway(cfg) != c.without {
			t.Errorf("%s: %v, without gateway %v\n%swant\n%s", name, err, WithoutGateway(cfg), got, c.want)
		}
	}
	mac := "lladdr 02:00:5e:10:00:01"
	if got := LLAddr(pushed(t, "dev tap", mac).Adapter); got != "02:00:5e:10:00:01" {
		t.Errorf("MAC address %q", got)
	}
	if got := LLAddr(pushed(t, "", mac).Adapter); got != "" {
		t.Errorf("a tun adapter's MAC address %q", got)
	}
}

// TestProfile: other ends, and other certificates, are other tunnels; a push
// makes none.
func TestProfile(t *testing.T) {
	base := pushed(t, "", both...)
	elsewhere, other := *base, *base
	elsewhere.Link.Remotes = []config.Remote{{Host: "b.example", Port: "1194"}}
	other.Trust.Cert = &config.File{Text: []byte("another")}
	if Profile(base) != Profile(pushed(t, "", "tun-mtu 1300")) || Profile(base) == Profile(&elsewhere) || Profile(base) == Profile(&other) {
		t.Errorf("%q, elsewhere %q, of another %q", Profile(base), Profile(&elsewhere), Profile(&other))
	}
}

func TestHostStateOverIPv6(t *testing.T) {
	state, err := HostState(t.Context(), pushed(t, "", with(both, "redirect-gateway def1 ipv6")...), netip.MustParseAddr("2001:db8::1"), nil)
	if err != nil || !strings.Contains(stateText(state), "route 2001:db8::1/128 bypass\n") {
		t.Errorf("%s%v", stateText(state), err)
	}
}

// TestWithoutAddress: an adapter without addresses is worth a word where nobody
// asked for that, and so is a default route that cannot be had.
func TestWithoutAddress(t *testing.T) {
	for name, c := range map[string]struct {
		own     string
		push    []string
		without bool
		err     error
	}{
		"pushed":          {"", subnet, false, nil},
		"its own":         {"ifconfig 10.8.0.2 255.255.255.0\ntopology subnet", nil, false, nil},
		"IPv6 alone":      {"", []string{"ifconfig-ipv6 fd00:8::2/64"}, false, nil},
		"none":            {"", nil, true, nil},
		"none, redirect":  {"redirect-gateway def1", nil, true, errNoGateway},
		"IPv6, redirect":  {"redirect-gateway def1 ipv6", []string{"ifconfig-ipv6 fd00:8::2/64"}, false, errNoGateway},
		"ifconfig-noexec": {"ifconfig-noexec", subnet, false, nil},
		"Ethernet":        {"dev tap", nil, false, nil},
		"dev null":        {"dev null", nil, false, nil},
	} {
		cfg := pushed(t, c.own, c.push...)
		_, err := HostState(t.Context(), cfg, netip.MustParseAddr(serverText), hosts(nil))
		if WithoutAddress(cfg.Adapter) != c.without || !errors.Is(err, c.err) {
			t.Errorf("%s: without address %v, %v", name, WithoutAddress(cfg.Adapter), err)
		}
	}
}

// TestHostStateFails: a route whose name stands for nothing is left out with
// its place, and nothing else is.
func TestHostStateFails(t *testing.T) {
	server := netip.MustParseAddr(serverText)
	for _, route := range []string{
		"route nowhere.example.org",
		"route-ipv6 nowhere.example.org/128",
		"route-ipv6 four.example.org/128",
		"route 172.17.0.0 255.255.0.0 nowhere.example.org",
		"route net_gateway",
		"route-ipv6 vpn_gateway_ipv6/128",
		"route-ipv6 fd00::/64 remote_host_ipv6",
	} {
		resolve := hosts(map[string][]string{"four.example.org": {"172.20.0.1"}})
		state, err := HostState(t.Context(), pushed(t, route+"\nroute 172.16.0.0 255.255.0.0", subnet...), server, resolve)
		name, _, _ := strings.Cut(route, " ")
		if err == nil || !strings.Contains(err.Error(), "x.ovpn:7: "+name+" ") {
			t.Errorf("%s: %v", route, err)
		}
		if want := "addr 10.8.0.2/24\nroute 172.16.0.0/16 via 10.8.0.1\n"; stateText(state) != want {
			t.Errorf("%s: the rest is\n%s", route, stateText(state))
		}
	}
}
