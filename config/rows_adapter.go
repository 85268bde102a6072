package config

// adapterRows are the directives of PartAdapter.
var adapterRows = list{
	{Name: "dev", Usage: "name", Where: top, Default: "tun", Help: "Use this adapter: tun, tap, null, or a name.", set: setDev},
	{Name: "dev-type", Usage: "tun|tap|null", Where: top, Help: "Say what kind of adapter it is, where its name does not tell.", set: choice(func(c *Config) *DevType { return &c.Adapter.DevType }, word[DevType]{"tun", DevTun}, word[DevType]{"tap", DevTap}, word[DevType]{"null", DevNull})},
	{Name: "dev-node", Usage: "node", Where: top, Touches: TouchWrites, Help: "Use this node of the TUN driver in place of /dev/net/tun.", set: setDevNode},
	{Name: "adapter", Usage: "ethernet [static|dhcp]", Where: top, Help: "Show this host an Ethernet adapter on a tunnel that carries IP (not in OpenVPN).", set: setAdapter},
	{Name: "topology", Usage: "subnet|net30|p2p", Where: pull, Default: "subnet", Help: "Say what the adapter's addresses mean.", set: choice(func(c *Config) *Topology { return &c.Adapter.Topology }, word[Topology]{"subnet", TopologySubnet}, word[Topology]{"net30", TopologyNet30}, word[Topology]{"p2p", TopologyP2P})},
	{Name: "ifconfig", Usage: "local remote-or-netmask", Where: pull, Help: "Set the adapter's IPv4 address, with the other end's address or a netmask.", set: setIfconfig},
	{Name: "ifconfig-ipv6", Usage: "address/bits [remote]", Where: pull, Help: "Set the adapter's IPv6 address.", set: setIfconfigIPv6},
	{Name: "ifconfig-noexec", Where: top, Help: "Leave the adapter's addresses alone.", set: on(func(c *Config) *bool { return &c.Adapter.IfconfigNoexec })},
	{Name: "lladdr", Usage: "address", Where: pull, Help: "Set an Ethernet adapter's MAC address.", set: setLLAddr},
	{Name: "tun-mtu", changedBy: "link-mtu udp-mtu", spare: true, Usage: "bytes [occ-mtu]", Where: conn | InPush, Default: "1500", Help: "Set the adapter's MTU.", set: setTunMTU},
	{Name: "tun-mtu-max", spare: true, Usage: "bytes", Where: top, Default: "1600", Help: "Take no larger MTU from a server.", set: integer(68, 65536, func(c *Config) *int { return &c.Adapter.MaxMTU })},
	{Name: "txqueuelen", spare: true, Usage: "n", Where: top, Help: "Set the length of the adapter's queue (Linux).", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Adapter.TxQueueLen })},
	{Name: "ip-win32", spare: true, Usage: "method [offset|default] [lease]", Where: pull, Help: "With adapter ethernet dhcp and dynamic: the DHCP server's place in the subnet, and the lease in seconds.", set: func(b *builder, d *call) error { b.device.ipWin32 = d; return nil }},

	// Accepted, and nothing to do.
	{Name: "persist-tun", Where: pull, Status: Harmless, Help: "Keep the adapter when the connection is made anew, which is always done except for the programs of up and down.", set: on(func(c *Config) *bool { return &c.Hooks.PersistTun })},
	{Name: "tun-ipv6", Where: pull, Status: Harmless, Help: "Carry IPv6, which is always done."},
	{Name: "ifconfig-nowarn", Where: pull, Status: Harmless, Help: "Do not compare addresses with the other end."},
	{Name: "tun-mtu-extra", Usage: "bytes", Where: conn, Status: Harmless, Help: "Leave room in buffers for tap adapters."},
	{Name: "iproute", conceal: concealCommand, Usage: "command", Where: top, Status: Harmless, Reason: "ignored; no program is needed to set addresses and routes", Help: "Set addresses and routes with this program."},

	// For Windows.
	{Name: "allow-nonadmin", Usage: "[adapter]", Where: top, Status: WindowsOnly, Help: "Say who may use an adapter."},
	{Name: "dhcp-internal", Usage: "[value]", Where: top, Status: WindowsOnly, Help: "Used by OpenVPN for itself."},
	{Name: "dhcp-pre-release", Where: pull, Status: WindowsOnly, Help: "Release the DHCP address at the start."},
	{Name: "dhcp-release", Where: pull, Status: WindowsOnly, Help: "Release the DHCP address at the end."},
	{Name: "dhcp-renew", Where: pull, Status: WindowsOnly, Help: "Renew the DHCP address at the start."},
	{Name: "tap-sleep", Usage: "seconds", Where: pull, Status: WindowsOnly, Help: "Wait this long for the adapter."},
	{Name: "windows-driver", Usage: "name", Where: top, Status: WindowsOnly, Help: "Use this driver for the adapter."},
}
