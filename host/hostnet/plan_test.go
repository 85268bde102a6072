package hostnet

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
)

// redirected is a client's State with all traffic led into the tunnel.
func redirected() State {
	gw4, gw6 := ip("10.8.0.1"), ip("fd00:8::1")
	return State{
		Device: "tun0", MTU: 1420, TxQueueLen: 1000,
		Addresses: []Address{address("10.8.0.2/24"), address("fd00:8::2/64")},
		Routes: []Route{
			{Dst: prefix("203.0.113.5/32"), Bypass: true},
			{Dst: prefix("0.0.0.0/1"), Via: gw4},
			{Dst: prefix("128.0.0.0/1"), Via: gw4},
			{Dst: prefix("::/1"), Via: gw6},
			{Dst: prefix("8000::/1"), Via: gw6, Metric: 5},
		},
		DNS: &DNS{Servers: servers("10.8.0.1"), Search: []string{"corp.example"}},
	}
}

// routed is a server's State.
func routed(device string) State {
	return State{
		Device: device, Addresses: []Address{address("10.8.0.1/24"), address("fd00:8::1/64")},
		Forward: &Forward{IPv4: true, IPv6: true, Masquerade: prefixes("10.8.0.0/24", "fd00:8::/64")},
	}
}

// preview is the plan for a state, as the host is now.
func (h *host) preview(ctx context.Context, want State) (Plan, error) {
	if err := want.check(); err != nil {
		return Plan{}, err
	}
	seen, err := h.observe(ctx, want, (&Applied{host: h, j: &journal{Device: want.Device}}).owns)
	if err != nil {
		return Plan{}, err
	}
	return newPlan(want, seen), nil
}

func planText(t *testing.T, k *twin, want State) string {
	t.Helper()
	h := newProcesses().start(k, t.TempDir(), 1, nil)
	p, err := h.preview(context.Background(), want)
	if err != nil {
		t.Fatal(err)
	}
	if k.steps > 0 {
		t.Error("a preview changed the host")
	}
	return p.String()
}

func TestPlan(t *testing.T) {
	lastTable := uint32(math.MaxUint32)
	tests := []struct {
		name string
		host func(*twin)
		want State
		text string
	}{
		{"client, all traffic", nil, redirected(), lines(
			"set mtu of tun0 to 1420 (was 1500)",
			"set txqueuelen of tun0 to 1000 (was 500)",
			"set tun0 up",
			"add address 10.8.0.2/24 to tun0",
			"add address fd00:8::2/64 to tun0",
			"add route 203.0.113.5/32 via 192.168.1.1 dev wlan0, the way it goes now",
			"add route 0.0.0.0/1 via 10.8.0.1 dev tun0",
			"add route 128.0.0.0/1 via 10.8.0.1 dev tun0",
			"add route ::/1 via fd00:8::1 dev tun0",
			"add route 8000::/1 via fd00:8::1 dev tun0 metric 5",
			"write /etc/resolv.conf: nameserver 10.8.0.1; search corp.example",
		)},
		{"routes in a table", func(k *twin) {
			k.table = append(k.table, way{Dst: prefix("10.77.0.0/16"), Device: "wlan0"}, way{Dst: prefix("10.79.0.0/16"), Device: "wlan0", Table: 77})
		}, State{Device: "tun0", Routes: []Route{
			{Dst: prefix("10.77.0.0/16"), Via: ip("10.8.0.1"), Table: 77},
			{Dst: prefix("10.78.0.0/16"), Bypass: true, NetGateway: true, Table: 77},
			{Dst: prefix("10.79.0.0/16"), Via: ip("10.8.0.1"), Table: 77},
			{Dst: prefix("fd77::/48"), Table: int(lastTable)},
		}}, lines(
			"set tun0 up",
			"add route 10.78.0.0/16 via 192.168.1.1 dev wlan0 table 77, the way it goes now",
			"add route 10.77.0.0/16 via 10.8.0.1 dev tun0 table 77",
			"add route fd77::/48 dev tun0 table 4294967295",
			"not possible: route 10.79.0.0/16: exists dev wlan0 table 77; remove that route, or renumber one of the two networks",
		)},
		{"routes by advertisement", func(k *twin) {
			k.settings["net/ipv6/conf/tun0/accept_ra_rt_info_max_plen"] = "0"
			k.settings["net/ipv6/conf/tun0/accept_ra"] = "1"
		}, State{Device: "tun0", Advertised: true}, lines(
			"set net.ipv6.conf.tun0.accept_ra_rt_info_max_plen = 128 (was 0)",
			"set tun0 up",
		)},
		{"routes by advertisement, on a router", func(k *twin) {
			k.settings["net/ipv6/conf/tun0/accept_ra_rt_info_max_plen"] = "128"
			k.settings["net/ipv6/conf/tun0/accept_ra"] = "1"
			k.settings["net/ipv6/conf/tun0/forwarding"] = "1"
		}, State{Device: "tun0", Advertised: true}, lines(
			"set net.ipv6.conf.tun0.accept_ra = 2 (was 1)",
			"set tun0 up",
		)},
		{"routes by advertisement, which another program reads", func(k *twin) {
			k.settings["net/ipv6/conf/tun0/accept_ra"] = "0"
			k.settings["net/ipv6/conf/tun0/forwarding"] = "1"
		}, State{Device: "tun0", Advertised: true}, lines("set tun0 up")},
		{"next hops inside and outside of the tunnel", func(*twin) {}, State{Device: "tun0", Addresses: []Address{{Prefix: prefix("10.8.0.6/32"), Peer: ip("10.8.0.5")}}, Routes: []Route{
			{Dst: prefix("10.1.0.0/16"), Via: ip("10.8.0.5")},
			{Dst: prefix("10.2.0.0/16"), Via: ip("192.168.1.9")},
			{Dst: prefix("10.3.0.0/16"), Via: ip("172.16.0.1")},
		}}, lines(
			"set tun0 up",
			"add address 10.8.0.6 peer 10.8.0.5 to tun0",
			"add route 10.1.0.0/16 via 10.8.0.5 dev tun0",
			"add route 10.2.0.0/16 via 192.168.1.9 dev wlan0",
			"add route 10.3.0.0/16 via 172.16.0.1 dev tun0",
		)},
		{"MAC address", func(k *twin) {
			k.links["tap0"] = link{MTU: 1500, LLAddr: "be:ef:00:00:00:01"}
		}, State{Device: "tap0", LLAddr: "02:00:5E:10:00:01"}, lines(
			"set the MAC address of tap0 to 02:00:5e:10:00:01 (was be:ef:00:00:00:01)",
			"set tap0 up",
		)},
		{"the MAC address it has", func(k *twin) {
			k.links["tap0"] = link{Up: true, LLAddr: "02:00:5e:10:00:01"}
		}, State{Device: "tap0", LLAddr: "02:00:5e:10:00:01"}, ""},
		{"server", nil, routed("tun0"), lines(
			"set tun0 up",
			"add address 10.8.0.1/24 to tun0",
			"add address fd00:8::1/64 to tun0",
			"set group of tun0 to 1194 (was 0)",
			"add nftables table inet culvert-tun0: masquerade 10.8.0.0/24, fd00:8::/64",
			"set net.ipv4.ip_forward = 1 (was 0)",
			"set net.ipv6.conf.wlan0.accept_ra = 2 (was 1)",
			"set net.ipv6.conf.all.forwarding = 1 (was 0)",
		)},
		{"clients kept apart", func(k *twin) {
			k.settings[forward4], k.links["tun0"] = "1", link{Up: true, Group: routedGroup}
		}, State{Device: "tun0", Forward: &Forward{IPv4: true, Apart: true}}, lines(
			"add nftables table inet culvert-tun0: drop packets from client to client",
		)},
		{"forwarding dropped elsewhere", func(k *twin) {
			k.settings[forward4], k.links["tun0"] = "1", link{Up: true}
			k.drops = []chain{{"ip", "filter", "FORWARD"}, {"ip6", "filter", "FORWARD"}, {"inet", "fw", "fwd"}}
		}, State{Device: "tun0", Forward: &Forward{IPv4: true}}, lines(
			"set group of tun0 to 1194 (was 0)",
			"not possible: forwarding: chain FORWARD of table ip filter drops what is forwarded from tun0, or answers to it; allow it with: iptables -I FORWARD -i tun0 -j ACCEPT; iptables -I FORWARD -o tun0 -j ACCEPT",
			`not possible: forwarding: chain fwd of table inet fw drops what is forwarded from tun0, or answers to it; allow it with: nft insert rule inet fw fwd iifname "tun0" accept; nft insert rule inet fw fwd oifname "tun0" accept`,
		)},
		{"bypasses", nil, State{Device: "tun0", Routes: []Route{
			{Dst: prefix("192.168.1.9/32"), Bypass: true},
			{Dst: prefix("127.0.0.1/32"), Bypass: true},
			{Dst: prefix("2001:db8:9::1/128"), Bypass: true},
			{Dst: prefix("192.168.1.9/32"), Bypass: true},
		}}, lines(
			"set tun0 up",
			"add route 192.168.1.9/32 dev wlan0, the way it goes now",
			"add route 2001:db8:9::1/128 via fe80::1 dev wlan0, the way it goes now",
		)},
		{"bypass past what is left on the device", func(k *twin) {
			k.table = append(k.table, way{Dst: prefix("128.0.0.0/1"), Device: "tun0"})
		}, State{Device: "tun0", Routes: []Route{{Dst: prefix("203.0.113.5/32"), Bypass: true}}}, lines(
			"set tun0 up",
			"add route 203.0.113.5/32 via 192.168.1.1 dev wlan0, the way it goes now",
		)},
		{"block-local", func(k *twin) {
			k.table = append(k.table, way{Dst: prefix("172.17.0.0/16"), Device: "docker0"})
		}, State{Device: "tun0", BlockLocal: true, Addresses: []Address{address("10.8.0.2/24")},
			Routes: []Route{{Dst: prefix("203.0.113.5/32"), Bypass: true}, {Dst: prefix("0.0.0.0/1")}},
		}, lines(
			"set tun0 up",
			"add address 10.8.0.2/24 to tun0",
			"add route 203.0.113.5/32 via 192.168.1.1 dev wlan0, the way it goes now",
			"add route 192.168.1.1/32 dev wlan0, the way it goes now",
			"add route 0.0.0.0/1 dev tun0",
			"add route 192.168.1.0/25 dev tun0",
			"add route 192.168.1.128/25 dev tun0",
		)},
		{"no way to bypass by", func(k *twin) { k.table = nil }, State{Device: "tun0", Routes: []Route{
			{Dst: prefix("203.0.113.5/32"), Bypass: true},
		}}, lines(
			"set tun0 up",
			"not possible: route 203.0.113.5/32: the host has no route to it at present; check its network connection",
		)},
		{"clashes", func(k *twin) {
			k.table = append(k.table, way{Dst: prefix("10.0.0.0/8"), Via: ip("192.168.1.1"), Device: "wlan0", Metric: 100})
		}, State{Device: "tun0", Routes: []Route{
			{Dst: prefix("10.0.0.0/8"), Metric: 200},
			{Dst: prefix("10.0.0.0/8"), Metric: 50},
			{Dst: prefix("192.168.1.0/24"), Metric: 600},
		}}, lines(
			"set tun0 up",
			"add route 10.0.0.0/8 dev tun0 metric 50",
			"not possible: route 10.0.0.0/8: exists via 192.168.1.1 dev wlan0 metric 100; give the tunnel's route a metric below 100, or remove the other",
			"not possible: route 192.168.1.0/24: exists dev wlan0 metric 600; give the tunnel's route a metric below 600, or remove the other",
		)},
		{"all there already", func(k *twin) {
			k.links["tun0"] = link{Up: true}
			k.addrs["tun0"] = []Address{{Prefix: prefix("10.8.0.6/32"), Peer: ip("10.8.0.5")}}
			k.table = append(k.table, way{Dst: prefix("10.0.0.0/8"), Via: ip("10.8.0.5"), Device: "tun0"})
		}, State{
			Device: "tun0", Addresses: []Address{{Prefix: prefix("10.8.0.6/32"), Peer: ip("10.8.0.5")}},
			Routes: []Route{{Dst: prefix("10.0.0.0/8"), Via: ip("10.8.0.5")}, {Dst: prefix("10.8.0.5/32")}},
		}, ""},
		{"resolved", func(k *twin) {
			k.files["/etc/resolv.conf"] = "nameserver 127.0.0.53\noptions edns0\n"
			k.resolved = map[string]string{}
		}, State{Device: "tun0", DNS: &DNS{Servers: servers("10.8.0.1"), Domains: []string{"corp.example"}}}, lines(
			"set tun0 up",
			"have systemd-resolved ask 10.8.0.1 through tun0 for names in corp.example",
		)},
		{"split names without resolved", nil, State{Device: "tun0", DNS: &DNS{
			Servers: servers("10.8.0.1", "10.8.0.2", "10.8.0.3", "10.8.0.4"), Domains: []string{"corp.example"},
		}}, lines(
			"set tun0 up",
			"write /etc/resolv.conf: nameserver 10.8.0.1; nameserver 10.8.0.2; nameserver 10.8.0.3; search corp.example",
			"not possible: name resolution: this host's resolver cannot ask for corp.example alone, so all names are asked through the tunnel; systemd-resolved can",
			"not possible: name resolution: /etc/resolv.conf takes 3 name servers, all on port 53; not used: 10.8.0.4",
		)},
		{"split names by culvert's resolver", func(k *twin) {
			k.files["/etc/resolv.conf"] = "nameserver 192.168.1.1\nsearch home.example a.example\noptions edns0 trust-ad\noptions trust-ad\n"
		}, State{Device: "tun0", DNS: &DNS{
			Servers: servers("10.8.0.1"), Search: []string{"a.example"}, Domains: []string{"corp.example"}, Local: addrPort("127.94.0.1:53"),
		}}, lines(
			"set tun0 up",
			"write /etc/resolv.conf: nameserver 127.94.0.1; search a.example home.example; options edns0",
		)},
		{"no port 53 for culvert's resolver", nil, State{Device: "tun0", DNS: &DNS{
			Servers: servers("10.8.0.1"), Domains: []string{"corp.example"}, Learned: []string{"*.corp.example"}, Local: addrPort("127.94.0.1:5300"), NoLocal: "port 53 is taken",
		}}, lines(
			"set tun0 up",
			"write /etc/resolv.conf: nameserver 10.8.0.1; search corp.example",
			"not possible: name resolution: the addresses of chosen names cannot be learned: port 53 is taken",
			"not possible: name resolution: this host's resolver cannot ask for corp.example alone, and culvert's own cannot run: port 53 is taken, so all names are asked through the tunnel; systemd-resolved can",
		)},
		{"resolved divides by itself", func(k *twin) {
			k.files["/etc/resolv.conf"] = "nameserver 127.0.0.53\noptions edns0\n"
			k.resolved = map[string]string{}
		}, State{Device: "tun0", DNS: &DNS{Servers: servers("10.8.0.1"), Domains: []string{"corp.example"}, Local: addrPort("127.94.0.1:53")}}, lines(
			"set tun0 up",
			"have systemd-resolved ask 10.8.0.1 through tun0 for names in corp.example",
		)},
		{"resolved, chosen names", func(k *twin) {
			k.files["/etc/resolv.conf"] = "nameserver 127.0.0.53\noptions edns0\n"
			k.resolved = map[string]string{}
		}, State{Device: "tun0", DNS: &DNS{Servers: servers("10.8.0.1"), Domains: []string{"corp.example"}, Learned: []string{"*.corp.example"}, Local: addrPort("127.94.0.1:5300"), NoLocal: "no right"}}, lines(
			"set tun0 up",
			"have systemd-resolved ask 127.94.0.1:5300 through tun0 for all names",
		)},
		{"resolved, excepted names", func(k *twin) {
			k.files["/etc/resolv.conf"] = "nameserver 127.0.0.53\noptions edns0\n"
			k.resolved = map[string]string{}
		}, State{Device: "tun0", DNS: &DNS{Servers: servers("10.8.0.1"), Domains: []string{"*.corp.example"}, Learned: []string{"*.bank.example", "corp.example"}, Outside: []string{"*.bank.example"}, Local: addrPort("127.94.0.1:5300")}}, lines(
			"set tun0 up",
			"have systemd-resolved ask 127.94.0.1:5300 through tun0 for all names",
		)},
		{"chosen names without servers of the tunnel", nil, State{Device: "tun0", DNS: &DNS{
			Domains: []string{"corp.example"}, Learned: []string{"*.corp.example"}, Local: addrPort("127.94.0.1:53"),
		}}, lines(
			"set tun0 up",
			"write /etc/resolv.conf: nameserver 127.94.0.1; search home",
		)},
		{"many name servers", nil, State{Device: "tun0", DNS: &DNS{
			Servers: servers("10.8.0.1", "10.8.0.2", "10.8.0.3", "10.8.0.4", "10.8.0.5", "10.8.0.6", "10.8.0.7", "10.8.0.8"),
		}}, lines(
			"set tun0 up",
			"write /etc/resolv.conf: nameserver 10.8.0.1; nameserver 10.8.0.2; nameserver 10.8.0.3",
			"not possible: name resolution: /etc/resolv.conf takes 3 name servers, all on port 53; not used: 10.8.0.4, 10.8.0.5, 10.8.0.6, 10.8.0.7 and 1 more",
		)},
		{"search only", nil, State{Device: "tun0", DNS: &DNS{Search: []string{"corp.example"}}}, lines(
			"set tun0 up",
			"write /etc/resolv.conf: nameserver 192.168.1.1; search corp.example",
		)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newTwin()
			if tt.host != nil {
				tt.host(k)
			}
			mustEqual(t, planText(t, k, tt.want), tt.text)
		})
	}
}

func TestStateIsChecked(t *testing.T) {
	for name, s := range map[string]State{
		"no device":      {},
		"path as device": {Device: "../tun0"},
		"negative mtu":   {Device: "tun0", MTU: -1},
		"address unset":  {Device: "tun0", Addresses: []Address{{}}},
		"route unset":    {Device: "tun0", Routes: []Route{{}}},
	} {
		k := newTwin()
		_, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(context.Background(), s)
		if err == nil || k.steps != 0 {
			t.Errorf("%s: accepted: %v", name, err)
		}
	}
}

func TestStub(t *testing.T) {
	for content, want := range map[string]bool{
		"nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n": true,
		"# nameserver 127.0.0.53\nnameserver 9.9.9.9\n":             false,
		"nameserver 127.0.0.53\nnameserver 9.9.9.9\n":               false,
		"": false,
	} {
		if isStub([]byte(content)) != want {
			t.Errorf("%q: not %v", content, want)
		}
	}
}

func TestDottedNames(t *testing.T) {
	if got := dotted("net/ipv6/conf/eth0.7/accept_ra"); !strings.Contains(got, "conf.eth0/7.accept_ra") {
		t.Error(got)
	}
}

// TestDomainsAreChecked: whatever asked for a State, only names reach the
// resolver; and where none of those is left that alone are to be asked for,
// nothing is asked in their place.
func TestDomainsAreChecked(t *testing.T) {
	const injected = "evil.example\nnameserver 6.6.6.6"
	for name, prepare := range map[string]func(*twin){"resolv.conf": func(*twin) {}, "resolved": withResolved} {
		t.Run(name, func(t *testing.T) {
			k := newTwin()
			prepare(k)
			before := k.files["/etc/resolv.conf"]
			s := State{Device: "tun0", DNS: &DNS{Servers: servers("10.8.0.1"), Search: []string{injected, "good.example"}}}
			h := newProcesses().start(k, t.TempDir(), 1, nil)
			a, err := h.apply(t.Context(), s)
			if partial := new(PartialError); !errors.As(err, &partial) || !strings.Contains(err.Error(), "is no domain") {
				t.Error(err)
			}
			if text := k.String(); strings.Contains(text, "6.6.6.6") || !strings.Contains(text, "good.example") {
				t.Errorf("the host:\n%s", text)
			}
			s.DNS = &DNS{Servers: servers("10.8.0.1"), Domains: []string{injected}}
			if err := a.Update(t.Context(), s); err == nil {
				t.Error("no word of the domain")
			}
			if now := k.files["/etc/resolv.conf"]; now != before || len(k.resolved) > 0 {
				t.Errorf("all names are asked: %q, %v", now, k.resolved)
			}
			mustUndo(t, a)
		})
	}
}

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
