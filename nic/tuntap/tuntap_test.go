package tuntap

import (
	"errors"
	"testing"
)

func TestPattern(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"", "tun%d"},
		{"tun", "tun%d"},
		{"tun3", "tun3"},
		{"myvpn", "myvpn"},
		{"vpn%d", "vpn%d"},
		{"fifteen-bytes-x", "fifteen-bytes-x"},
	} {
		got, err := pattern(c.name)
		if got != c.want || err != nil {
			t.Errorf("pattern(%q) = %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, name := range []string{"sixteen-bytes-xy", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\x00b", "%d%d", "a%s", "a%"} {
		if got, err := pattern(name); !errors.Is(err, ErrName) {
			t.Errorf("pattern(%q) = %q, %v; want ErrName", name, got, err)
		}
	}
}
