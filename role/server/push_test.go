package server

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/role/server/lease"
	"culvert/session/negotiate"
)

// modern is the peer-info of a client that needs nothing special.
var modern = negotiate.PeerInfo{"IV_VER": "2.6.14"}

// subnet is a configuration of 10.8.0.0/24 and fd00:8::/64 that pushes two options.
func subnet() *config.Config {
	return &config.Config{
		Adapter: config.Adapter{Topology: config.TopologySubnet},
		Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), NetworkIPv6: netip.MustParsePrefix("fd00:8::/64"),
			MaxClients: 8, Push: []string{"route 10.1.0.0 255.255.0.0", "dhcp-option DNS 10.8.0.1"}},
	}
}

// settled is a client with settings and a lease, and the roster it is to enter.
func settled(t *testing.T, c *config.Config, own config.PerClient) (*client, *roster) {
	t.Helper()
	r := &roster{table: newTable(8), book: bookOf(t, c), report: func(Event) {}}
	one := &client{visit: visitor(t), name: "anna", own: &own}
	r.seek(one, time.Now(), func(time.Time) {
		if refusal := r.accommodate(one); refusal != nil {
			t.Fatal(refusal)
		}
	})
	return one, r
}

func bookOf(t *testing.T, c *config.Config) *lease.Book {
	t.Helper()
	book, err := lease.New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// TestPushKeepsOrder: what the configuration pushes comes first, then the network,
// and the client's own addresses last.
func TestPushKeepsOrder(t *testing.T) {
	c, r := settled(t, subnet(), config.PerClient{})
	want := []string{"route 10.1.0.0 255.255.0.0", "dhcp-option DNS 10.8.0.1", "route-gateway 10.8.0.1", "topology subnet",
		"ifconfig 10.8.0.2 255.255.255.0", "ifconfig-ipv6 fd00:8::1000/64 fd00:8::1"}
	if got := pushList(subnet().Server, r.book, c, new(Terms), modern); !slices.Equal(got, want) {
		t.Errorf("pushed %q", got)
	}
}

// TestOwnPush: a client's own file removes from what all are pushed, and adds to it.
func TestOwnPush(t *testing.T) {
	c, r := settled(t, subnet(), config.PerClient{
		Ifconfig: &config.Ifconfig{Local: addr("10.8.0.7"), Bits: 24}, IfconfigIPv6: &config.IfconfigIPv6{Local: netip.MustParsePrefix("fd00:8::7/64")},
		PushRemove: []string{"dhcp-option"}, Push: []string{"route 10.2.0.0 255.255.0.0"}})
	want := []string{"route 10.1.0.0 255.255.0.0", "route-gateway 10.8.0.1", "topology subnet", "route 10.2.0.0 255.255.0.0",
		"ifconfig 10.8.0.7 255.255.255.0", "ifconfig-ipv6 fd00:8::7/64 fd00:8::1"}
	if got := pushList(subnet().Server, r.book, c, new(Terms), modern); !slices.Equal(got, want) {
		t.Errorf("pushed %q, expected %q", got, want)
	}
}

// TestTunIPv6: clients from before OpenVPN 2.4 are told to carry IPv6 where
// they get an address of it, once; others would warn of it.
func TestTunIPv6(t *testing.T) {
	old := negotiate.PeerInfo{"IV_VER": "2.3.18"}
	with := func(ipv6 netip.Prefix, push ...string) *config.Config {
		return &config.Config{Adapter: config.Adapter{Topology: config.TopologySubnet}, Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), NetworkIPv6: ipv6, Push: push}}
	}
	fd := netip.MustParsePrefix("fd00:8::/64")
	for name, c := range map[string]struct {
		cfg  *config.Config
		own  config.PerClient
		told negotiate.PeerInfo
		want int
	}{
		"2.3":              {with(fd), config.PerClient{}, old, 1},
		"silent":           {with(fd), config.PerClient{}, negotiate.PeerInfo{}, 1},
		"2.6":              {with(fd), config.PerClient{}, modern, 0},
		"3":                {with(fd), config.PerClient{}, negotiate.PeerInfo{"IV_VER": "3.8.2"}, 0},
		"IPv4 alone":       {with(netip.Prefix{}), config.PerClient{}, old, 0},
		"its own address":  {with(netip.Prefix{}), config.PerClient{IfconfigIPv6: &config.IfconfigIPv6{Local: netip.MustParsePrefix("fd00:8::7/64")}}, old, 1},
		"pushed to all":    {with(fd, "tun-ipv6"), config.PerClient{}, old, 1},
		"pushed to newer":  {with(fd, "tun-ipv6"), config.PerClient{}, modern, 1},
		"push-remove":      {with(fd), config.PerClient{PushRemove: []string{"tun-ipv6"}}, old, 0},
		"push-reset as is": {with(fd), config.PerClient{PushReset: true}, old, 0},
	} {
		one, r := settled(t, c.cfg, c.own)
		pushed := pushList(c.cfg.Server, r.book, one, new(Terms), c.told)
		if got := strings.Count(strings.Join(pushed, "\n"), "tun-ipv6"); got != c.want {
			t.Errorf("%s: pushed %q", name, pushed)
		}
	}
}
