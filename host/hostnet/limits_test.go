package hostnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// elsewhere is a host of another system, with the limits of all of them.
func elsewhere(service nameService) *twin {
	k := newTwin()
	k.cannot = limits{forward: errors.New("no router here"), metric: errors.New("none here"), txQueueLen: errors.New("no queue here")}
	k.service = service
	return k
}

// What a system cannot have is said, and the rest is planned.
func TestLimits(t *testing.T) {
	s := State{Device: "tun0", TxQueueLen: 100, Forward: routed("tun0").Forward, Routes: []Route{
		{Dst: prefix("10.0.0.0/8"), Metric: 50}, {Dst: prefix("172.16.0.0/12"), Metric: 60}, {Dst: prefix("203.0.113.5/32"), Metric: 7, Bypass: true},
	}}
	mustEqual(t, planText(t, elsewhere(nameService{}), s), lines(
		"set tun0 up",
		"add route 203.0.113.5/32 via 192.168.1.1 dev wlan0, the way it goes now",
		"add route 10.0.0.0/8 dev tun0",
		"add route 172.16.0.0/12 dev tun0",
		"not possible: queue length of tun0: no queue here",
		"not possible: route metrics: none here",
		"not possible: forwarding: no router here",
	))
}

// A server's adapter comes up although its host does not become a router, and
// the error says so.
func TestLimitsArePartial(t *testing.T) {
	k := elsewhere(nameService{})
	before := k.String()
	h := newProcesses().start(k, t.TempDir(), 1, nil)
	a, err := h.apply(context.Background(), routed("tun0"))
	var partial *PartialError
	if !errors.As(err, &partial) || err.Error() != "forwarding: no router here" || a == nil {
		t.Fatal(err)
	}
	if k.settings[forward4] != "0" || len(k.tables) > 0 || len(k.addrs["tun0"]) != 2 {
		t.Error(k)
	}
	mustUndo(t, a)
	mustEqual(t, k.String(), before)
}

func TestNameServices(t *testing.T) {
	dns := &DNS{Servers: []netip.AddrPort{server("10.8.0.1"), netip.MustParseAddrPort("10.8.0.2:5353")}, Search: []string{"a.example"}, Domains: []string{"corp.example"}}
	for name, c := range map[string]struct {
		service nameService
		text    string
	}{
		"none of it": {nameService{name: "Windows"}, lines(
			"set tun0 up",
			"have Windows ask 10.8.0.1 through tun0 for all names, search a.example, corp.example",
			"not possible: name resolution: Windows cannot ask for corp.example alone, so all names are asked through the tunnel",
			"not possible: name resolution: Windows asks on port 53 only; not used: 10.8.0.2:5353",
		)},
		"domains": {nameService{name: "macOS", split: true}, lines(
			"set tun0 up",
			"have macOS ask 10.8.0.1 through tun0 for names in corp.example, search a.example",
			"not possible: name resolution: macOS asks on port 53 only; not used: 10.8.0.2:5353",
		)},
	} {
		t.Run(name, func(t *testing.T) {
			k := elsewhere(c.service)
			k.resolved = map[string]string{}
			s := State{Device: "tun0", DNS: dns}
			mustEqual(t, planText(t, k, s), c.text)
			before := k.String()
			a, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(context.Background(), s)
			if a == nil || len(k.resolved) != 1 {
				t.Fatal(err, k)
			}
			steps := k.steps
			if a.Update(context.Background(), s); k.steps != steps {
				t.Errorf("told again what it was told:\n%s", k)
			}
			mustUndo(t, a)
			mustEqual(t, k.String(), before)
		})
	}
}

// On Windows the adapter's metric decides between two default routes.
func TestCostOfDevice(t *testing.T) {
	k := newTwin()
	k.table = []way{
		{Dst: prefix("0.0.0.0/0"), Via: ip("192.168.1.1"), Device: "wlan0", Cost: 50},
		{Dst: prefix("0.0.0.0/0"), Via: ip("10.1.1.1"), Device: "eth0", Metric: 5, Cost: 25},
	}
	w, err := wayIn(k, ip("203.0.113.5"), none)
	if w.Device != "eth0" || err != nil {
		t.Errorf("%v, %v", w, err)
	}
	if w, err := wayIn(k, ip("127.0.0.1"), none); !w.Local || err != nil {
		t.Errorf("this host: %v, %v", w, err)
	}
	if _, err := wayIn(k, ip("2001:db8::1"), none); !errors.Is(err, errNoRoute) {
		t.Error(err)
	}
	if err := there(k, way{Dst: prefix("0.0.0.0/0"), Via: ip("10.1.1.1"), Device: "wlan0"}); err != errGone {
		t.Error("another's route is taken for this one:", err)
	}
	if err := there(k, k.table[0]); err != nil {
		t.Error(err)
	}
}

func TestAddressesWithoutPeers(t *testing.T) {
	pair := Address{Prefix: prefix("10.8.0.6/30"), Peer: ip("10.8.0.5")}
	for a, want := range map[Address]string{
		address("10.8.0.2/24"):  "10.8.0.2/24, 10.8.0.0/24 dev tun0",
		address("fd00:8::2/64"): "fd00:8::2/64, fd00:8::/64 dev tun0",
		pair:                    "10.8.0.6/32, 10.8.0.5/32 dev tun0",
	} {
		if got := a.stated().String() + ", " + connected("tun0", a).String(); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
	var addrs []net.Addr
	for _, s := range []string{"10.8.0.2/24", "fe80::1/64", "fd00:8::2/64"} {
		a, n, err := net.ParseCIDR(s)
		check(t, err)
		addrs = append(addrs, &net.IPNet{IP: a, Mask: n.Mask})
	}
	if got := addressesOf(addrs); !slices.Equal(got, []Address{address("10.8.0.2/24"), address("fd00:8::2/64")}) {
		t.Error(got)
	}
}

func TestJournalsNeedAClaim(t *testing.T) {
	k := newTwin()
	before := k.String()
	h := newProcesses().start(k, t.TempDir(), 1, nil)
	h.store.claim = func(owner) error { return errors.New("disk full") }
	if _, err := h.apply(context.Background(), redirected()); err == nil || !strings.Contains(err.Error(), "disk full; nothing is changed") {
		t.Error(err)
	}
	mustEqual(t, k.String(), before)
}
