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

// resolveAdapter looks whether an Ethernet adapter makes sense here.
func (b *builder) resolveAdapter() {
	b.resolveIPWin32()
	switch {
	case b.Adapter.Look == AdapterIP:
	case b.Adapter.DevType != DevTun:
		b.problem("adapter", "is for a tunnel that carries IP, and dev-type says another", "write dev-type tun, or remove it: a tap adapter is Ethernet by itself")
	case b.Adapter.Look == AdapterDHCP && b.isServer():
		b.problem("adapter", "the server's own address must not wait for a DHCP client", "write adapter ethernet static")
	}
}

// resolveIPWin32 reads what `ip-win32` says of the DHCP server that an Ethernet
// adapter emulates.
func (b *builder) resolveIPWin32() {
	d := b.ipWin32
	if d == nil {
		return
	}
	if b.Adapter.Look != AdapterDHCP || d.args[0] != "dynamic" {
		b.remark(d, "only for Windows, or as dynamic with adapter ethernet dhcp; ignored here")
		return
	}
	set, err := b.ipWin32Dynamic(d)
	switch e := err.(type) {
	case nil:
		b.Adapter.IPWin32 = set
	case *Error:
		if d.File == pushed {
			b.note(e.Pos, "ignored: "+e.about())
			return
		}
		b.fail(e)
	}
}

// ipWin32Dynamic reads `dynamic [offset|default] [lease]`.
func (b *builder) ipWin32Dynamic(d *call) (set IPWin32, err error) {
	const leastLease = 30 // s, as with OpenVPN
	if len(d.args) > 1 && d.args[1] != "default" {
		offset, err := b.int(d, 1, -255, 255)
		if err != nil {
			return set, err
		}
		set.Offset = &offset
	}
	if len(d.args) > 2 {
		seconds, err := b.int(d, 2, leastLease, maxSeconds)
		if err != nil {
			return set, err
		}
		set.Lease = time.Duration(seconds) * time.Second
	}
	return set, nil
}

// netBIOS is what `dhcp-option` says of NetBIOS beside addresses.
func (b *builder) netBIOS(d *call, kind string) error {
	args := d.args[1:]
	switch {
	case kind == "DISABLE-NBT":
		b.Routing.DNS.DisableNBT = true
		return nil
	case len(args) != 1:
		return d.expected(strings.Join(args, " "), "one value after "+kind)
	case kind == "NBS":
		const most = 255
		if len(args[0]) > most {
			return d.expected(args[0], "a scope of at most 255 bytes")
		}
		b.Routing.DNS.NBS = args[0]
		return nil
	}
	types := []string{"1", "2", "4", "8"}
	if !slices.Contains(types, args[0]) {
		return d.expected(args[0], "a node type: "+strings.Join(types, ", "))
	}
	b.Routing.DNS.NBT = int(args[0][0] - '0')
	return nil
}
