package server

import (
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"culvert/config"
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
	l, err := newLayout(c)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{cfg: c, layout: l, pool: newPool(l), table: newTable(8), log: slog.New(slog.NewTextHandler(io.Discard, nil))}
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

// TestNoPoolSaysSo: without a pool only addresses of one's own are leased.
func TestNoPoolSaysSo(t *testing.T) {
	c := &config.Config{Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), NoPool: true, ClientConfigDir: "ccd"}}
	l, err := newLayout(c)
	if err != nil {
		t.Fatal(err)
	}
	p := newPool(l)
	if lease, err := p.acquireNear("anna", netip.MustParseAddr("10.8.0.7")); err != nil || lease.IPv6.IsValid() {
		t.Errorf("%+v, %v", lease, err)
	}
	if _, err := p.acquireNear("bert", netip.Addr{}); err == nil || !strings.Contains(err.Error(), "no ifconfig-push for this client") {
		t.Errorf("%v", err)
	}
	c.Server.ClientConfigDir = ""
	if _, err := newLayout(c); err == nil || !strings.Contains(err.Error(), "add `ifconfig-pool") {
		t.Errorf("%v", err)
	}
}

func TestOwnAddresses(t *testing.T) {
	s := serverWith(t, false, map[string]string{
		"anna": "ifconfig-push 10.8.0.7 255.255.255.0\nifconfig-ipv6-push fd00:8::7/64\npush-remove dhcp-option\npush \"route 10.2.0.0 255.255.0.0\"\n",
	})
	c := &client{name: "anna"}
	c.own, _ = s.readPerClient(c)
	lease, err := s.lease(c, c.name)
	if err != nil || lease.IPv4.String() != "10.8.0.7" || lease.IPv6.String() != "fd00:8::7" {
		t.Fatalf("%+v, %v", lease, err)
	}
	c.lease = lease
	want := []string{"route 10.1.0.0 255.255.0.0", "route-gateway 10.8.0.1", "topology subnet", "route 10.2.0.0 255.255.0.0",
		"ifconfig 10.8.0.7 255.255.255.0", "ifconfig-ipv6 fd00:8::7/64 fd00:8::1"}
	if got := s.pushList(c, modern); !reflect.DeepEqual(got, want) {
		t.Errorf("pushed %q, expected %q", got, want)
	}
	// Nobody else is leased the address.
	for range 20 {
		other, err := s.pool.acquire("")
		if err != nil || other.IPv4 == lease.IPv4 {
			t.Fatalf("%+v, %v", other, err)
		}
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
		l, err := newLayout(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{cfg: c.cfg, layout: l}
		pushed := s.pushList(&client{lease: newPool(l).lease(3), own: &c.own}, c.told)
		if got := strings.Count(strings.Join(pushed, "\n"), "tun-ipv6"); got != c.want {
			t.Errorf("%s: pushed %q", name, pushed)
		}
	}
}
