package tuntap

import (
	"errors"
	"testing"
)

func TestDriverName(t *testing.T) {
	taken := func(name string) bool { return name == "tun0" || name == "home" }
	for _, c := range []struct {
		system, pattern, want string
		err                   error
	}{
		{"darwin", "tun%d", "utun", nil},
		{"darwin", "utun%d", "utun", nil},
		{"darwin", "tun7", "utun7", nil},
		{"darwin", "utun7", "utun7", nil},
		{"darwin", "home", "", ErrName},
		{"darwin", "utun", "", ErrName},
		{"darwin", "utun999", "", ErrName},
		{"openbsd", "tun%d", "tun", nil},
		{"openbsd", "tun3", "tun3", nil},
		{"openbsd", "utun3", "", ErrName},
		{"freebsd", "tun%d", "", nil},
		{"freebsd", "vpn%d", "vpn0", nil},
		{"freebsd", "home", "", ErrBusy},
		{"windows", "tun%d", "tun1", nil},
		{"windows", "work", "work", nil},
		{"windows", "tun0", "", ErrBusy},
	} {
		got, err := driverName(c.system, c.pattern, taken)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s, %s: %q, %v; want %q, %v", c.system, c.pattern, got, err, c.want, c.err)
		}
	}
	if _, err := driverName("windows", "tun%d", func(string) bool { return true }); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
}
