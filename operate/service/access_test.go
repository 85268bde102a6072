package service

import (
	"fmt"
	"runtime/debug"
	"testing"

	"culvert/config"
)

// TestAccessOfPush: what a server tells clients to route may be reached, but a
// default route opens no LAN.
func TestAccessOfPush(t *testing.T) {
	c := &config.Config{
		Server: config.Server{Push: []string{
			"route 192.0.2.0 255.255.255.0", "route 0.0.0.0 128.0.0.0", "route-ipv6 2001:db8::/48", "route-ipv6 2000::/3",
			"redirect-gateway def1", "dhcp-option DNS 198.51.100.1", "dns server 1 address 198.51.100.2", "ping 10",
		}},
	}
	a := access(c)
	if got := fmt.Sprint(a.LAN, a.Networks, a.DNS); got != "false [192.0.2.0/24 2001:db8::/48] [198.51.100.1 198.51.100.2]" {
		t.Error(got)
	}
	if c.Server.AllowLAN = true; !access(c).LAN {
		t.Error("allow-lan is not heeded")
	}
}

// TestStreamMemory: connections get half of little memory, and no more than by
// default of much.
func TestStreamMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(64 << 20))
	if got := streamMemory(); got != 32<<20 {
		t.Errorf("%d of 64 MiB", got)
	}
	debug.SetMemoryLimit(64 << 30)
	if got := streamMemory(); got != 0 {
		t.Errorf("%d of 64 GiB", got)
	}
}
