package config

import (
	"path"
	"slices"
	"strings"
	"time"
)

// dnsHelpers are the programs of distributions that do nothing but set this host's
// names, by the last part of their paths: Debian has them in /etc/openvpn, Arch and others
// in /usr/bin, /etc/openvpn/scripts or /usr/libexec. dns-updown is OpenVPN 2.7's own.
var dnsHelpers = []string{"update-resolv-conf", "update-systemd-resolved", "dns-updown", "openvpn-update-resolv-conf"}

func isDNSHelper(program string) bool {
	return slices.Contains(dnsHelpers, strings.TrimSuffix(path.Base(program), ".sh"))
}

// hook takes a program of Hooks. One that only sets names is left out: names are set
// without it, and it need not even be there.
func hook(field func(*Hooks) *[]string) setter {
	return func(b *builder, d *call) error {
		words, err := d.command(0)
		if err != nil {
			return err
		}
		if isDNSHelper(words[0]) {
			d.remark("not run, since DNS is set without a program")
			b.untouch(d)
			words = nil
		}
		*field(&b.Hooks) = words
		return nil
	}
}

// untouch takes back that a line runs a program.
func (c *Config) untouch(d *call) {
	c.touches = slices.DeleteFunc(c.touches, func(t Touch) bool { return t.name == d.name && t.Pos == d.Pos })
}

// setDNSUpdown takes a program's path, which stands as it is, or force or disable.
func setDNSUpdown(b *builder, d *call) error {
	b.Hooks.DNSUpdown, b.Hooks.NoDNS = nil, false
	switch word := d.args[0]; {
	case word == "":
		return d.expected(word, "a program's path, force or disable")
	case word == "disable":
		b.Hooks.NoDNS = true
		b.untouch(d)
	case word == "force":
		b.untouch(d)
	case isDNSHelper(word):
		d.remark("not run, since DNS is set without a program")
		b.untouch(d)
	default:
		b.Hooks.DNSUpdown = []string{word}
	}
	return nil
}

// maxRouteDelay is a day.
const maxRouteDelay = 24 * 3600

// setRouteDelay takes the seconds before routes are added. How much longer Windows may
// wait for its adapter, the second argument says; it means nothing here.
func setRouteDelay(b *builder, d *call) error {
	if len(d.args) == 0 {
		b.Hooks.RouteDelay = 0
		return nil
	}
	n, err := d.int(0, 0, maxRouteDelay)
	if err == nil && len(d.args) > 1 {
		_, err = d.int(1, 0, maxRouteDelay)
	}
	if err == nil {
		b.Hooks.RouteDelay = time.Duration(n) * time.Second
	}
	return err
}
