package profile

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"culvert/config"
)

// TestPushedNames: names become addresses only where that is allowed, and only those of
// the tunnel's own addresses.
func TestPushedNames(t *testing.T) {
	resolve := func(_ context.Context, network, host string) ([]netip.Addr, error) {
		switch {
		case network != "ip4":
			t.Errorf("asked for %s", network)
		case host == "gw.example.org":
			return []netip.Addr{netip.MustParseAddr("::ffff:10.8.0.1")}, nil
		case host == "six.example.org":
			return []netip.Addr{netip.MustParseAddr("fd00::1")}, nil
		}
		return nil, errors.New("no such host")
	}
	pushed := []string{"route-gateway gw.example.org", "ifconfig 10.8.0.2 gw.example.org", "ifconfig none.example.org 255.255.255.0", "route-gateway six.example.org",
		"route-gateway dhcp", "route-gateway", "route gw.example.org", "dns search-domains gw.example.org", "ifconfig ../x gw.example.org"}
	want := []string{"route-gateway 10.8.0.1", "ifconfig 10.8.0.2 10.8.0.1", "ifconfig none.example.org 255.255.255.0", "route-gateway six.example.org",
		"route-gateway dhcp", "route-gateway", "route gw.example.org", "dns search-domains gw.example.org", "ifconfig ../x 10.8.0.1"}
	c := new(config.Config)
	if got, errs := PushedNames(t.Context(), c, pushed, resolve); !slices.Equal(got, pushed) || errs != nil {
		t.Errorf("not allowed: %q, %v", got, errs)
	}
	c.Routing.AllowPullFQDN = true
	if got, errs := PushedNames(t.Context(), c, pushed, resolve); !slices.Equal(got, want) || len(errs) != 2 {
		t.Errorf("allowed: %q, %v", got, errs)
	}
}
