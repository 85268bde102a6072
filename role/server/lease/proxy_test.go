package lease

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"culvert/config"
	"culvert/nic/frame"
	"culvert/nic/lan"
)

func testLAN(v4, v6 string) *proxy {
	place := lan.Interface{Name: "lan0", MAC: frame.MAC{2, 0, 0, 0, 0, 1}, IPv4: netip.MustParsePrefix(v4)}
	if v6 != "" {
		place.IPv6 = netip.MustParsePrefix(v6)
	}
	return &proxy{place: place, held: make(map[netip.Addr]*held), changed: make(chan struct{}, 1), wire: &lan.Proxy{Interface: place}, log: slog.New(slog.DiscardHandler)}
}

// TestLANLayout: clients are in the segment's network, in which this host has
// what the interface has.
func TestLANLayout(t *testing.T) {
	l, err := testLAN("192.0.2.2/24", "2001:db8::2/64").layout(&config.Pool{Start: addr("192.0.2.100"), End: addr("192.0.2.102")})
	if err != nil {
		t.Fatal(err)
	}
	lease := newPool(l).lease(2)
	lease.IPv6 = addr("2001:db8::99")
	if got, want := l.ifconfig(lease), []string{"ifconfig 192.0.2.102 255.255.255.0", "ifconfig-ipv6 2001:db8::99/64 2001:db8::2"}; !slices.Equal(got, want) {
		t.Errorf("a client is told %q, want %q", got, want)
	}
	if got, want := l.push(false), []string{"route-gateway 192.0.2.2", "topology subnet"}; !slices.Equal(got, want) {
		t.Errorf("all are told %q, want %q", got, want)
	}
	if newPool(l).size() != 3 {
		t.Errorf("%d leases", newPool(l).size())
	}
	if s := l.State("tun0", 1500); len(s.Addresses)+len(s.Routes) > 0 {
		t.Errorf("the tunnel's device would take from the segment: %+v", s)
	}
}

func TestLANPoolElsewhere(t *testing.T) {
	for mend, pool := range map[string][2]string{
		"is not within 192.0.2.0/24": {"192.0.2.200", "192.0.3.5"},
		"leave it out of the range":  {"192.0.2.1", "192.0.2.9"},
		"192.0.2.0 is the first or":  {"192.0.2.0", "192.0.2.1"},
		"192.0.2.255 is the first":   {"192.0.2.250", "192.0.2.255"},
	} {
		_, err := testLAN("192.0.2.2/24", "").layout(&config.Pool{Start: addr(pool[0]), End: addr(pool[1])})
		if err == nil || !strings.Contains(err.Error(), mend) {
			t.Errorf("%v: %v, want %q", pool, err, mend)
		}
	}
}

// TestLANAddressesDiffer: a name has the same IPv6 address each time, within the
// network, and another name another one.
func TestLANAddressesDiffer(t *testing.T) {
	l := testLAN("192.0.2.2/24", "2001:db8::2/64")
	network := l.place.IPv6.Masked()
	a, again, b := l.ipv6("phone", network), l.ipv6("phone", network), l.ipv6("laptop", network)
	if a != again || a == b || !network.Contains(a) {
		t.Errorf("%v, %v, %v", a, again, b)
	}
	if l.ipv6("phone", netip.Prefix{}).IsValid() {
		t.Error("an address without a network")
	}
}
