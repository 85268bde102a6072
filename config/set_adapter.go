package config

import (
	"slices"
	"strings"
	"time"
)

// setAdapter is `adapter ethernet [static|dhcp]`, static by default.
func setAdapter(b *builder, d *call) error {
	if d.args[0] != "ethernet" {
		return d.expected(d.args[0], "ethernet")
	}
	how := "static"
	if len(d.args) > 1 {
		how = d.args[1]
	}
	switch how {
	case "static":
		b.Adapter.Look = AdapterStatic
	case "dhcp":
		b.Adapter.Look = AdapterDHCP
	default:
		return d.expected(how, "static or dhcp")
	}
	return nil
}

// ipWin32Dynamic reads `dynamic [offset|default] [lease]`.
func ipWin32Dynamic(d *call) (set IPWin32, err error) {
	const leastLease = 30 // s, as with OpenVPN
	if len(d.args) > 1 && d.args[1] != "default" {
		offset, err := d.int(1, -255, 255)
		if err != nil {
			return set, err
		}
		set.Offset = &offset
	}
	if len(d.args) > 2 {
		seconds, err := d.int(2, leastLease, maxSeconds)
		if err != nil {
			return set, err
		}
		set.Lease = time.Duration(seconds) * time.Second
	}
	return set, nil
}

// netBIOS sets the NetBIOS settings of `dhcp-option` that are not addresses.
func (dns *DNS) netBIOS(d *call, kind string) error {
	args := d.args[1:]
	switch {
	case kind == "DISABLE-NBT":
		dns.DisableNBT = true
		return nil
	case len(args) != 1:
		return d.expected(strings.Join(args, " "), "one value after "+kind)
	case kind == "NBS":
		const most = 255
		if len(args[0]) > most {
			return d.expected(args[0], "a scope of at most 255 bytes")
		}
		dns.NBS = args[0]
		return nil
	}
	types := []string{"1", "2", "4", "8"}
	if !slices.Contains(types, args[0]) {
		return d.expected(args[0], "a node type: "+strings.Join(types, ", "))
	}
	dns.NBT = int(args[0][0] - '0')
	return nil
}

// setDevNode takes the node of a driver, which has a path. A name without one is that of an
// adapter on Windows, from a configuration that was written there.
func setDevNode(b *builder, d *call) error {
	if !strings.Contains(d.args[0], "/") {
		d.remark(clip(d.args[0]) + " is the name of an adapter on Windows, and not used; dev names the adapter")
		return nil
	}
	b.Adapter.DevNode = d.args[0]
	return nil
}
