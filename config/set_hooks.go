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

// plugins are the plugins that this program does the work of, by the last part of their
// paths. OpenVPN's module files are never loaded.
var plugins = map[string]func(b *builder, d *call) error{
	"openvpn-plugin-down-root.so": setDownRoot,
	"openvpn-down-root.so":        setDownRoot,
}

// setPlugin takes a plugin that this program does the work of, and refuses any other:
// one that is skipped may be what keeps others out.
func setPlugin(b *builder, d *call) error {
	if set := plugins[path.Base(d.args[0])]; set != nil {
		return set(b, d)
	}
	return d.fault(d.args[0], "plugins are never loaded, and skipping one that checks passwords would let anybody in", pluginMend(path.Base(d.args[0])))
}

// pluginMend says what to use in place of a plugin.
func pluginMend(name string) string {
	if strings.Contains(name, "auth") {
		return "to check passwords, use auth-user-pass-verify with a program that asks PAM, LDAP or whatever knows them"
	}
	return "to check passwords, use auth-user-pass-verify; for what the plugin does otherwise, up, client-connect and other programs"
}

// setDownRoot takes the command of the plugin down-root: all its arguments, which are
// cut into words as one line.
func setDownRoot(b *builder, d *call) error {
	if len(d.args) < 2 {
		return d.fault(d.args[0], "expected the command to run when the tunnel is down", "write it behind the plugin, or remove the line")
	}
	line := &call{Pos: d.Pos, name: d.name, args: []string{strings.Join(d.args[1:], " ")}}
	words, err := line.command(0)
	if err != nil {
		return err
	}
	if isDNSHelper(words[0]) {
		d.remark("not run, since DNS is set without a program")
		b.untouch(d)
		return nil
	}
	b.Hooks.DownRoot = words
	return nil
}
