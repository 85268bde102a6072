package lease

import (
	"slices"
	"strings"
	"testing"

	"culvert/config"
)

func TestOwn(t *testing.T) {
	for _, c := range []struct {
		topology      config.Topology
		address, want string
	}{
		{config.TopologySubnet, "10.8.0.2", ""}, {config.TopologySubnet, "10.8.0.1", "is not for clients"}, {config.TopologySubnet, "10.8.0.255", "is not for clients"}, {config.TopologySubnet, "10.9.0.2", "is not in the server's network 10.8.0.0/24"},
		{config.TopologySubnet, "fd00:8::9", ""}, {config.TopologySubnet, "fd00:8::1", "is not for clients"}, {config.TopologyNet30, "10.8.0.10", ""}, {config.TopologyNet30, "10.8.0.9", "every fourth address"},
		{config.TopologyNet30, "10.8.0.2", "every fourth address"}, {config.TopologyP2P, "10.8.0.2", "beside"}, {config.TopologyP2P, "10.8.0.3", ""},
	} {
		b := bookOf(t, func(k *config.Config) { k.Adapter.Topology = c.topology })
		if err := b.Layout().CheckOwn(addr(c.address)); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %s: %v", c.topology, c.address, err)
		}
	}
	l := bookOf(t, nil).Layout()
	if all := slices.Collect(l.FromEnd(false)); len(all) != 253 || all[0] != addr("10.8.0.254") || all[252] != addr("10.8.0.2") {
		t.Errorf("%v", all)
	}
	for a := range l.FromEnd(true) {
		if l.CheckOwn(a) != nil || a == addr("fd00:8::1") {
			t.Errorf("%v", a)
		}
		break
	}
}
