package lease

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"culvert/config"
	"culvert/host/hostnet"
)

// layoutOf divides the networks of some directives.
func layoutOf(t *testing.T, directives string) (*Layout, error) {
	t.Helper()
	return newLayout(configOf(t, directives))
}

func configOf(t *testing.T, directives string) *config.Config {
	t.Helper()
	text := "mode server\ntls-server\n" + directives + "\ndev tun\nca x\ncert x\nkey x\n"
	c, err := config.ParseFile("server.conf", []byte(text), func(string) ([]byte, error) { return []byte("-----BEGIN x"), nil })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addr(s string) netip.Addr {
	if s == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(s)
}

func TestLayout(t *testing.T) {
	for directives, want := range map[string]struct {
		count                 int
		first, second, last   string
		ifconfig, push, state string
	}{
		"server 10.8.0.0 255.255.255.0": {253, "10.8.0.2", "10.8.0.3", "10.8.0.254",
			"ifconfig 10.8.0.2 255.255.255.0", "route-gateway 10.8.0.1,topology subnet", "10.8.0.1/24"},
		"server 10.8.0.0 255.255.255.0\ntopology net30": {62, "10.8.0.6", "10.8.0.10", "10.8.0.250",
			"ifconfig 10.8.0.6 10.8.0.5", "route 10.8.0.1,topology net30", "10.8.0.1/32 peer 10.8.0.2, 10.8.0.0/24 via 10.8.0.2"},
		"server 10.8.0.0 255.255.255.0\ntopology p2p": {248, "10.8.0.4", "10.8.0.5", "10.8.0.251",
			"ifconfig 10.8.0.4 10.8.0.1", "topology p2p", "10.8.0.1/32 peer 10.8.0.2, 10.8.0.0/24 via 10.8.0.2"},
		"server 172.16.0.0 255.255.0.0": {65533, "172.16.0.2", "172.16.0.3", "172.16.255.254",
			"ifconfig 172.16.0.2 255.255.0.0", "route-gateway 172.16.0.1,topology subnet", "172.16.0.1/16"},
		"server 10.8.0.16 255.255.255.240\ntopology net30": {2, "10.8.0.22", "10.8.0.26", "10.8.0.26",
			"ifconfig 10.8.0.22 10.8.0.21", "route 10.8.0.17,topology net30", "10.8.0.17/32 peer 10.8.0.18, 10.8.0.16/28 via 10.8.0.18"},
		"server 10.8.0.16 255.255.255.240\ntopology p2p": {8, "10.8.0.20", "10.8.0.21", "10.8.0.27",
			"ifconfig 10.8.0.20 10.8.0.17", "topology p2p", "10.8.0.17/32 peer 10.8.0.18, 10.8.0.16/28 via 10.8.0.18"},
		"server 10.8.0.8 255.255.255.248": {5, "10.8.0.10", "10.8.0.11", "10.8.0.14",
			"ifconfig 10.8.0.10 255.255.255.248", "route-gateway 10.8.0.9,topology subnet", "10.8.0.9/29"},
		"server 10.8.0.0 255.255.255.0 nopool\nifconfig-pool 10.8.0.100 10.8.0.199": {100, "10.8.0.100", "10.8.0.101", "10.8.0.199",
			"ifconfig 10.8.0.100 255.255.255.0", "route-gateway 10.8.0.1,topology subnet", "10.8.0.1/24"},
		"server 10.8.0.0 255.255.255.0 nopool\nifconfig-pool 10.8.0.100 10.8.0.111\ntopology net30": {3, "10.8.0.102", "10.8.0.106", "10.8.0.110",
			"ifconfig 10.8.0.102 10.8.0.101", "route 10.8.0.1,topology net30", "10.8.0.1/32 peer 10.8.0.2, 10.8.0.0/24 via 10.8.0.2"},
		"ifconfig 10.8.0.1 10.8.0.2\nifconfig-pool 10.8.0.4 10.8.0.251": {62, "10.8.0.6", "10.8.0.10", "10.8.0.250",
			"ifconfig 10.8.0.6 10.8.0.5", "topology net30", "10.8.0.1/32 peer 10.8.0.2"},
		"topology net30\nifconfig 10.8.0.1 10.8.0.2\nifconfig-pool 10.8.0.5 10.8.0.21": {3, "10.8.0.10", "10.8.0.14", "10.8.0.18",
			"ifconfig 10.8.0.10 10.8.0.9", "topology net30", "10.8.0.1/32 peer 10.8.0.2"},
		"topology p2p\nifconfig 10.8.0.1 10.8.0.2\nifconfig-pool 10.8.0.4 10.8.0.251": {248, "10.8.0.4", "10.8.0.5", "10.8.0.251",
			"ifconfig 10.8.0.4 10.8.0.1", "topology p2p", "10.8.0.1/32 peer 10.8.0.2"},
		"topology subnet\nifconfig 10.8.0.1 255.255.255.0\nifconfig-pool 10.8.0.2 10.8.0.253": {252, "10.8.0.2", "10.8.0.3", "10.8.0.253",
			"ifconfig 10.8.0.2 255.255.255.0", "route-gateway 10.8.0.1,topology subnet", "10.8.0.1/24"},
		"ifconfig 10.8.0.1 255.255.255.0\nifconfig-pool 10.8.0.2 10.8.0.253\npush \"topology subnet\"\npush \"route-gateway 10.8.0.1\"": {252, "10.8.0.2", "10.8.0.3", "10.8.0.253",
			"ifconfig 10.8.0.2 255.255.255.0", "", "10.8.0.1/24"},
		"ifconfig-pool 10.8.0.2 10.8.0.253 255.255.255.0": {252, "10.8.0.2", "10.8.0.3", "10.8.0.253",
			"ifconfig 10.8.0.2 255.255.255.0", "topology subnet", ""},
	} {
		t.Run(directives, func(t *testing.T) {
			c := configOf(t, directives)
			l, err := newLayout(c)
			if err != nil {
				t.Fatal(err)
			}
			p := l.pool
			if p.count != want.count || p.at(0) != addr(want.first) || p.at(1) != addr(want.second) || p.at(p.count-1) != addr(want.last) {
				t.Errorf("%d leases: %v, %v to %v", p.count, p.at(0), p.at(1), p.at(p.count-1))
			}
			for i := range p.count {
				if a := p.at(i); !l.Network.Contains(a) || a == l.server {
					t.Fatalf("lease %d is %v", i, a)
				}
				if j, ok := p.index(p.at(i)); !ok || j != i {
					t.Fatalf("lease %d is found as %d, %v", i, j, ok)
				}
			}
			if got := strings.Join(l.ifconfig(newPool(l).lease(0)), ","); got != want.ifconfig {
				t.Errorf("pushed %s, want %s", got, want.ifconfig)
			}
			if got := strings.Join(l.pushBeside(c.Server.ClientToClient, c.Server.Push), ","); got != want.push {
				t.Errorf("pushed %s, want %s", got, want.push)
			}
			if got := stateText(l.State("tun0", 1500)); got != want.state {
				t.Errorf("host: %s, want %s", got, want.state)
			}
		})
	}
}

func stateText(s hostnet.State) string {
	var list []string
	for _, a := range s.Addresses {
		text := a.Prefix.String()
		if a.Peer.IsValid() {
			text += fmt.Sprintf(" peer %v", a.Peer)
		}
		list = append(list, text)
	}
	for _, r := range s.Routes {
		list = append(list, fmt.Sprintf("%v via %v", r.Dst, r.Via))
	}
	return strings.Join(list, ", ")
}

func TestLayoutPushesNetworkForClientToClient(t *testing.T) {
	for topology, want := range map[string]string{
		"subnet": "route-gateway 10.8.0.1,topology subnet",
		"net30":  "route 10.8.0.0 255.255.255.0,topology net30",
		"p2p":    "topology p2p,route 10.8.0.0 255.255.255.0",
	} {
		l, err := layoutOf(t, "server 10.8.0.0 255.255.255.0\ntopology "+topology)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(l.push(true), ","); got != want {
			t.Errorf("%s: pushed %s, want %s", topology, got, want)
		}
	}
}

func TestLayoutIPv6(t *testing.T) {
	for directives, want := range map[string]struct {
		count       int
		first, last string
	}{
		"server-ipv6 fd00:8::/64": {1 << 16, "fd00:8::1000", "fd00:8::1:fff"},
		"server-ipv6 fd00::/111":  {1 << 16, "fd00::1000", "fd00::1:fff"},
		"server-ipv6 fd00::/112":  {1<<16 - 2, "fd00::2", "fd00::ffff"},
		"server-ipv6 fd00::/120":  {254, "fd00::2", "fd00::ff"},
		"server-ipv6 fd00::/124":  {14, "fd00::2", "fd00::f"},
	} {
		l, err := layoutOf(t, directives)
		if err != nil {
			t.Fatal(err)
		}
		p := l.pool6
		if p.count != want.count || p.at(0) != addr(want.first) || p.at(p.count-1) != addr(want.last) {
			t.Errorf("%s: %d leases from %v to %v", directives, p.count, p.at(0), p.at(p.count-1))
		}
		if got := l.ifconfig(newPool(l).lease(0)); len(got) != 1 || !strings.HasPrefix(got[0], "ifconfig-ipv6 "+want.first+"/") {
			t.Errorf("%s: pushed %q", directives, got)
		}
		if len(l.push(true)) != 0 {
			t.Errorf("%s: pushed %q", directives, l.push(true))
		}
	}
	// A lease is of both: the smaller pool is the limit.
	l, err := layoutOf(t, "server 10.8.0.0 255.255.255.0\nserver-ipv6 fd00::/124")
	if err != nil || newPool(l).size() != 14 {
		t.Errorf("%d leases, %v", newPool(l).size(), err)
	}
}

func TestIndexRefuses(t *testing.T) {
	l, err := layoutOf(t, "server 10.8.0.0 255.255.255.0\ntopology net30\nserver-ipv6 fd00:8::/64")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"10.8.0.5", "10.8.0.7", "10.8.0.2", "10.8.0.254", "10.8.1.6", "9.8.0.6", "255.255.255.254", "::", "fd00:8::1000", "::ffff:10.8.0.6", ""} {
		if i, ok := l.pool.index(addr(a)); ok {
			t.Errorf("%s is lease %d", a, i)
		}
	}
	for _, a := range []string{"fd00:8::fff", "fd00:8::1:1000", "fd00:9::1000", "10.8.0.6", "ffff::", ""} {
		if i, ok := l.pool6.index(addr(a)); ok {
			t.Errorf("%s is lease %d", a, i)
		}
	}
}

func TestLayoutSaysWhatIsMissing(t *testing.T) {
	if _, err := newLayout(new(config.Config)); err == nil || !strings.Contains(err.Error(), "server NETWORK NETMASK") {
		t.Errorf("no network: %v", err)
	}
	small := &config.Config{Adapter: config.Adapter{Topology: config.TopologyNet30}, Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/29")}}
	if _, err := newLayout(small); err == nil || !strings.Contains(err.Error(), "larger network") {
		t.Errorf("small network: %v", err)
	}
}

// TestSaidPoolRefuses: a pool without `server` has to say what its addresses mean.
func TestSaidPoolRefuses(t *testing.T) {
	for directives, want := range map[string]string{
		"topology p2p\nifconfig-pool 10.8.0.4 10.8.0.251":                              "ifconfig ADDRESS PEER",
		"topology subnet\nifconfig-pool 10.8.0.4 10.8.0.251":                           "the netmask is missing",
		"topology net30\nifconfig 10.8.0.1 10.8.0.2\nifconfig-pool 10.8.0.5 10.8.0.10": "no client's four addresses",
	} {
		if _, err := layoutOf(t, directives); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", directives, err, want)
		}
	}
}

// TestOwnPoolIPv6: the server's address and the clients' are said one by one.
func TestOwnPoolIPv6(t *testing.T) {
	l, err := layoutOf(t, "server 10.8.0.0 255.255.255.0\nifconfig-ipv6 fd00:8::5/64 fd00:8::6\nifconfig-ipv6-pool fd00:8::2000/64")
	if err != nil {
		t.Fatal(err)
	}
	if l.server6 != addr("fd00:8::5") || l.Network6.String() != "fd00:8::/64" || newPool(l).lease(1).IPv6 != addr("fd00:8::2001") {
		t.Errorf("server %v in %v, lease %v", l.server6, l.Network6, newPool(l).lease(1).IPv6)
	}
}
