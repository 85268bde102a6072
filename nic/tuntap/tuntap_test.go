package tuntap

import (
	"errors"
	"testing"

	"culvert/nic"
)

func TestPattern(t *testing.T) {
	if got, err := pattern(nic.Ethernet, "tap"); got != "tap%d" || err != nil {
		t.Errorf("tap is %q, %v", got, err)
	}
	if got, err := pattern(nic.Ethernet, "tun"); got != "tun" || err != nil {
		t.Errorf("tun as a tap device's name is %q, %v", got, err)
	}
	for _, c := range []struct{ name, want string }{
		{"", "tun%d"},
		{"tun", "tun%d"},
		{"tun3", "tun3"},
		{"myvpn", "myvpn"},
		{"vpn%d", "vpn%d"},
		{"fifteen-bytes-x", "fifteen-bytes-x"},
	} {
		got, err := pattern(nic.IP, c.name)
		if got != c.want || err != nil {
			t.Errorf("pattern(%q) = %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, name := range []string{"sixteen-bytes-xy", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\x00b", "%d%d", "a%s", "a%"} {
		if got, err := pattern(nic.IP, name); !errors.Is(err, ErrName) {
			t.Errorf("pattern(%q) = %q, %v; want ErrName", name, got, err)
		}
	}
}
