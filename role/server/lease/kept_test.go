package lease

import (
	"net/netip"
	"slices"
	"testing"

	"culvert/config"
)

// TestKept: the pool leases no address to others that is kept for one client, also where
// they had it before or it was kept only later, and leases it again when it is not.
func TestKept(t *testing.T) {
	b := bookOf(t, func(c *config.Config) { c.Server.Network = netip.MustParsePrefix("10.8.0.0/29") }) // .2 to .6
	kept := map[netip.Addr]bool{addr("10.8.0.2"): true, addr("fd00:8::1001"): true}                    // of .3's pair
	b.Keep(func(a netip.Addr) bool { return kept[a] })
	lease := func(name string) netip.Addr {
		h := &Holder{Name: name, Unique: true}
		if err := b.Lease(t.Context(), h); err != nil {
			return netip.Addr{}
		}
		defer b.Return(h)
		return h.Lease.IPv4
	}
	if got := lease("anna"); got != addr("10.8.0.4") {
		t.Errorf("anna has %v", got)
	}
	kept[addr("10.8.0.4")] = true
	if got := lease("anna"); got != addr("10.8.0.5") {
		t.Errorf("anna has %v, and 10.8.0.4 is kept", got)
	}
	kept[addr("10.8.0.5")], kept[addr("10.8.0.6")] = true, true
	if got := lease("anna"); got.IsValid() {
		t.Errorf("anna has %v, and all are kept", got)
	}
	own := &Holder{Name: "phone.bert", Unique: true, IPv4: &config.Ifconfig{Local: addr("10.8.0.2")}, IPv6: &config.IfconfigIPv6{Local: netip.PrefixFrom(addr("fd00:8::7"), -1)}}
	if err := b.Lease(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if got, want := b.Ifconfig(own), []string{"ifconfig 10.8.0.2 255.255.255.248", "ifconfig-ipv6 fd00:8::7/64 fd00:8::1"}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	b.Return(own)
	clear(kept)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if got := lease(name); !got.IsValid() {
			t.Errorf("%s has none, and nothing is kept", name)
		}
	}
}

// TestKeptOfTopologies: what a client with an address alone is told.
func TestKeptOfTopologies(t *testing.T) {
	for topology, want := range map[config.Topology]string{
		config.TopologySubnet: "ifconfig 10.8.0.6 255.255.255.0", config.TopologyNet30: "ifconfig 10.8.0.6 10.8.0.5", config.TopologyP2P: "ifconfig 10.8.0.6 10.8.0.1",
	} {
		b := bookOf(t, func(c *config.Config) { c.Adapter.Topology = topology })
		h := &Holder{Name: "phone.bert", Unique: true, IPv4: &config.Ifconfig{Local: addr("10.8.0.6")}}
		if err := b.Lease(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if got := b.Ifconfig(h); len(got) == 0 || got[0] != want {
			t.Errorf("%v: told %q, want %q", topology, got, want)
		}
	}
}
