package config

// deviceLines are the lines about the adapter whose meaning depends on others.
type deviceLines struct {
	*Config
	*record
	ifconfig *call
	ipWin32  *call
	linkMTU  int // link-mtu, bytes; 0: not given
}

// resolveDev derives the adapter's kind from its name, unless dev-type gives it.
func (l *deviceLines) resolveDev() error {
	if !l.has("dev-type") {
		switch {
		case len(l.Adapter.Dev) >= 3 && l.Adapter.Dev[:3] == "tun":
		case len(l.Adapter.Dev) >= 3 && l.Adapter.Dev[:3] == "tap":
			l.Adapter.DevType = DevTap
		case l.Adapter.Dev == "null":
			l.Adapter.DevType = DevNull
		default:
			return &Error{l.at("dev"), "dev", l.Adapter.Dev, "neither tun nor tap by its name", "add the line: dev-type tun, or: dev-type tap"}
		}
	}
	if l.Adapter.DevType == DevTap {
		l.Adapter.Topology = TopologySubnet // others are of tun alone
	}
	return nil
}

func (l *deviceLines) resolveAddresses() error {
	if !l.isServer() {
		return l.resolveIfconfig(l.has("topology"))
	}
	if d := l.ifconfig; d != nil && l.Server.Network.IsValid() && l.Adapter.DevType == DevTun {
		if bits, isMask := parseMask(d.args[1]); !isMask || bits == 0 {
			d.remark("ignored: server gives this adapter its address")
			l.ifconfig = nil
		}
	}
	said := !l.has("topology") && !l.Server.Network.IsValid() && l.Adapter.DevType == DevTun // what it means is said by its form
	return l.resolveIfconfig(!said)
}

// resolveAdapter checks that an Ethernet adapter makes sense here.
func (l *deviceLines) resolveAdapter() {
	l.resolveIPWin32()
	switch {
	case l.Adapter.Look == AdapterIP:
	case l.Adapter.DevType != DevTun:
		l.problem("adapter", "needs a tunnel that carries IP, and this adapter is not tun", "write dev-type tun, or remove adapter: a tap adapter is Ethernet by itself")
	case l.Adapter.Look == AdapterDHCP && l.isServer():
		l.problem("adapter", "a server cannot wait for a DHCP client to set its own address", "write adapter ethernet static")
	}
}

// resolveIPWin32 reads `ip-win32` as settings of the DHCP server that an Ethernet
// adapter emulates.
func (l *deviceLines) resolveIPWin32() {
	d := l.ipWin32
	if d == nil {
		return
	}
	if l.Adapter.Look != AdapterDHCP || d.args[0] != "dynamic" {
		d.remark("ignored: it only means something on Windows, or as dynamic with adapter ethernet dhcp")
		return
	}
	set, err := ipWin32Dynamic(d)
	switch {
	case err == nil:
		l.Adapter.IPWin32 = set
	case d.File == pushed:
		l.note(d.Pos, "ignored: "+d.faultOf(err).about())
	default:
		l.fail(d.faultOf(err))
	}
}

// resolveIfconfig reads the second value as a netmask in topology subnet, else
// as the peer's address. When no topology is given, the value's form decides.
func (l *deviceLines) resolveIfconfig(topologyGiven bool) error {
	d := l.ifconfig
	if d == nil {
		return nil
	}
	local, _ := d.addr4(0)
	second, _ := d.addr4(1)
	bits, isMask := parseMask(d.args[1])
	isMask = isMask && bits > 0
	switch {
	case l.Adapter.DevType == DevTap:
		l.Adapter.Topology = TopologySubnet
	case topologyGiven:
	case isMask:
		l.Adapter.Topology = TopologySubnet
	case l.Adapter.Topology == TopologySubnet:
		l.Adapter.Topology = TopologyNet30
	}
	if l.Adapter.Topology != TopologySubnet {
		l.Adapter.Ifconfig = &Ifconfig{Local: local, Remote: second}
		return nil
	}
	if !isMask && l.Adapter.DevType == DevTap {
		return d.fault(d.args[1], "expected a netmask, as an Ethernet adapter has", "write a netmask such as 255.255.255.0, or dev tun on both sides")
	}
	if !isMask {
		return d.fault(d.args[1], "expected a netmask, since the topology is subnet",
			"write a netmask such as 255.255.255.0, or topology net30")
	}
	l.Adapter.Ifconfig = &Ifconfig{Local: local, Bits: bits}
	return nil
}
