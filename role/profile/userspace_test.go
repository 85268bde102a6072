package profile

import (
	"fmt"
	"strings"
	"testing"

	"culvert/config"
)

// TestAccessOfPush: clients may reach what a server has them route, but a
// default route opens no LAN.
func TestAccessOfPush(t *testing.T) {
	c := &config.Config{
		Server: config.Server{Push: []string{
			"route 192.0.2.0 255.255.255.0", "route 0.0.0.0 128.0.0.0", "route-ipv6 2001:db8::/48", "route-ipv6 2000::/3",
			"redirect-gateway def1", "dhcp-option DNS 198.51.100.1", "dns server 1 address 198.51.100.2", "ping 10",
		}},
	}
	a := UserSpaceForward(c.Server, nil).Access
	if got := fmt.Sprint(a.LAN, a.Networks, a.DNS); got != "false [192.0.2.0/24 2001:db8::/48] [198.51.100.1 198.51.100.2]" {
		t.Error(got)
	}
	if c.Server.AllowLAN = true; !UserSpaceForward(c.Server, nil).Access.LAN {
		t.Error("allow-lan is not heeded")
	}
}

// TestUserSpaceNeedsTun: there is no Ethernet without a device, and the error
// says so.
func TestUserSpaceNeedsTun(t *testing.T) {
	for kind, want := range map[config.DevType]string{config.DevTun: "", config.DevTap: "write dev tun on both sides", config.DevNull: "carries nothing"} {
		err := CheckUserSpace(&config.Config{Adapter: config.Adapter{DevType: kind}})
		if refused := err != nil; refused != (want != "") || refused && !strings.Contains(err.Error(), want) {
			t.Errorf("dev type %d: %v", kind, err)
		}
	}
}

// TestUserSpaceChoices: networks and domains can be chosen without a device, and programs not.
func TestUserSpaceChoices(t *testing.T) {
	for refused, choice := range map[bool]config.Choice{false: {Domains: []string{"corp.example"}}, true: {Users: []string{"anna"}}} {
		for _, r := range []config.Routing{{Only: choice}, {Except: choice}} {
			if err := CheckUserSpace(&config.Config{Routing: r}); (err != nil) != refused || refused && !strings.Contains(err.Error(), "without --userspace") {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
}
