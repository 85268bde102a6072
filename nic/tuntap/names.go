package tuntap

import (
	"fmt"
	"strconv"
	"strings"
)

// driverName returns what to ask the TUN driver for, on a system other than Linux,
// to get a device named as pattern says. taken reports whether the system has a
// device of that name.
//
// macOS numbers its devices utun0, utun1 and so on, OpenBSD tun0, tun1; both
// take the bare word for the next free. FreeBSD and Windows take any name,
// FreeBSD "" for the next free of tun0, tun1 and so on.
func driverName(system, pattern string, taken func(string) bool) (string, error) {
	switch system {
	case "darwin":
		return numbered("utun", strings.TrimPrefix(strings.TrimPrefix(pattern, "u"), "tun"), pattern)
	case "openbsd":
		return numbered("tun", strings.TrimPrefix(pattern, "tun"), pattern)
	case "freebsd":
		if pattern == "tun%d" {
			return "", nil
		}
	}
	return free(pattern, taken)
}

// numbered returns word and number; rest is the part of the name after the word.
func numbered(word, rest, name string) (string, error) {
	if rest == "%d" {
		return word, nil
	}
	if _, err := strconv.ParseUint(rest, 10, 8); err != nil {
		return "", fmt.Errorf("tuntap: %w: %q: this system's devices are %s0 to %s255; choose one, or tun for the next free", ErrName, name, word, word)
	}
	return word + rest, nil
}

// free replaces the %d of a pattern by the lowest number whose name is not taken.
func free(pattern string, taken func(string) bool) (string, error) {
	if !strings.Contains(pattern, "%d") {
		if taken(pattern) {
			return "", fmt.Errorf("tuntap: %s: %w: stop that process or choose another name, such as tun for the next free", pattern, ErrBusy)
		}
		return pattern, nil
	}
	for n := range 256 {
		if name := strings.Replace(pattern, "%d", strconv.Itoa(n), 1); !taken(name) {
			return name, nil
		}
	}
	return "", fmt.Errorf("tuntap: %s: %w: all 256 of them; remove some", pattern, ErrBusy)
}
