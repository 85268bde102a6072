package server

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"culvert/config"
	"culvert/role/server/lease"
	"culvert/session/negotiate"
)

// modern is the peer-info of a client that needs nothing special.
var modern = negotiate.PeerInfo{"IV_VER": "2.6.14"}

// serverWith is a server with files of client-config-dir, as far as leases go.
func serverWith(t *testing.T, exclusive bool, files map[string]string) *Server {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &config.Config{
		Adapter: config.Adapter{Topology: config.TopologySubnet},
		Server:  config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), NetworkIPv6: netip.MustParsePrefix("fd00:8::/64"), ClientConfigDir: dir, CCDExclusive: exclusive, MaxClients: 8, MaxRoutesPerClient: 256, Push: []string{"route 10.1.0.0 255.255.0.0", "dhcp-option DNS 10.8.0.1"}},
	}
	return &Server{cfg: c, book: bookOf(t, c), table: newTable(8), log: slog.New(slog.DiscardHandler)}
}

func bookOf(t *testing.T, c *config.Config) *lease.Book {
	t.Helper()
	book, err := lease.New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// TestMaxRoutesPerClient keeps a client out with more networks behind it than
// are allowed, unless its own file allows more.
func TestMaxRoutesPerClient(t *testing.T) {
	const two = "iroute 10.1.0.0 255.255.0.0\niroute-ipv6 fd00:1::/64\n"
	s := serverWith(t, false, map[string]string{"two": two, "allowed": two + "max-routes-per-client 2\n", "one": "iroute 10.1.0.0 255.255.0.0\n"})
	s.cfg.Server.MaxRoutesPerClient = 1
	for name, want := range map[string]bool{"two": false, "allowed": true, "one": true} {
		if _, err := s.readPerClient(&client{name: name}); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPerClientFiles(t *testing.T) {
	files := map[string]string{"anna": "push-reset\n", "off": "disable\n", "bad": "disalbe\n", "DEFAULT": "push-remove route\n"}
	for _, test := range []struct {
		name      string
		exclusive bool
		in        bool
		reset     bool
		removes   int
	}{
		{"anna", false, true, true, 0},
		{"nobody", false, true, false, 1}, // DEFAULT
		{"nobody", true, true, false, 1},
		{"../anna", false, true, false, 1},
		{"off", false, false, false, 0},
		{"bad", false, false, false, 0},
	} {
		own, err := serverWith(t, test.exclusive, files).readPerClient(&client{name: test.name})
		if in := err == nil; in != test.in || in && (own.PushReset != test.reset || len(own.PushRemove) != test.removes) {
			t.Errorf("%q: %+v, %v", test.name, own, err)
		}
	}
	if _, err := serverWith(t, true, nil).readPerClient(&client{name: "nobody"}); err == nil {
		t.Error("ccd-exclusive let in a client without a file")
	}
}

// TestPushKeepsOrder: what the configuration pushes comes first, then the network,
// and the client's own addresses last.
func TestPushKeepsOrder(t *testing.T) {
	s := serverWith(t, false, nil)
	c := &client{name: "anna", ctx: t.Context(), own: new(config.PerClient), holder: &lease.Holder{Name: "anna"}}
	if err := s.leaseFor(c); err != nil {
		t.Fatal(err)
	}
	want := []string{"route 10.1.0.0 255.255.0.0", "dhcp-option DNS 10.8.0.1", "route-gateway 10.8.0.1", "topology subnet",
		"ifconfig 10.8.0.2 255.255.255.0", "ifconfig-ipv6 fd00:8::1000/64 fd00:8::1"}
	if got := s.pushList(c, modern); !slices.Equal(got, want) {
		t.Errorf("pushed %q", got)
	}
}

func TestOwnAddresses(t *testing.T) {
	s := serverWith(t, false, map[string]string{
		"anna": "ifconfig-push 10.8.0.7 255.255.255.0\nifconfig-ipv6-push fd00:8::7/64\npush-remove dhcp-option\npush \"route 10.2.0.0 255.255.0.0\"\n",
	})
	c := &client{name: "anna", ctx: t.Context(), holder: &lease.Holder{Name: "anna"}}
	c.own, _ = s.readPerClient(c)
	if err := s.leaseFor(c); err != nil {
		t.Fatal(err)
	}
	want := []string{"route 10.1.0.0 255.255.0.0", "route-gateway 10.8.0.1", "topology subnet", "route 10.2.0.0 255.255.0.0",
		"ifconfig 10.8.0.7 255.255.255.0", "ifconfig-ipv6 fd00:8::7/64 fd00:8::1"}
	if got := s.pushList(c, modern); !reflect.DeepEqual(got, want) {
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
		s := &Server{cfg: c.cfg, book: bookOf(t, c.cfg), table: newTable(8)}
		one := &client{ctx: t.Context(), own: &c.own, holder: new(lease.Holder)}
		if err := s.leaseFor(one); err != nil {
			t.Fatal(err)
		}
		pushed := s.pushList(one, c.told)
		if got := strings.Count(strings.Join(pushed, "\n"), "tun-ipv6"); got != c.want {
			t.Errorf("%s: pushed %q", name, pushed)
		}
	}
}
