package config

import "net/netip"

// netRows are the directives of the virtual adapter, routes and names.
var netRows = []Directive{
	{Name: "dev", Usage: "name", Where: top, Reload: ReloadRestart, Help: "The adapter: tun, tap, null, or a name.", set: setDev},
	{Name: "dev-type", Usage: "tun|tap|null", Where: top, Reload: ReloadRestart, Help: "The adapter's kind, when its name does not tell.", set: choice(func(c *Config) *DevType { return &c.Adapter.DevType }, word[DevType]{"tun", DevTun}, word[DevType]{"tap", DevTap}, word[DevType]{"null", DevNull})},
	{Name: "adapter", Usage: "ethernet [static|dhcp]", Where: top, Reload: ReloadRestart, Help: "Give this host an Ethernet adapter over a tunnel that carries IP, its addresses set on it or left to the DHCP client here. Not OpenVPN's: where it reads the file too, write setenv opt adapter ...", set: setAdapter},
	{Name: "dev-node", Usage: "node", Where: top, Reload: ReloadRestart, Touches: TouchWrites, Help: "The node of the TUN driver, in place of /dev/net/tun.", set: text(func(c *Config) *string { return &c.Adapter.DevNode })},
	{Name: "topology", Usage: "subnet|net30|p2p", Where: pull, Reload: ReloadRestart, Help: "What the adapter's addresses mean.", set: choice(func(c *Config) *Topology { return &c.Adapter.Topology }, word[Topology]{"subnet", TopologySubnet}, word[Topology]{"net30", TopologyNet30}, word[Topology]{"p2p", TopologyP2P})},
	{Name: "txqueuelen", Usage: "n", Where: top, Reload: ReloadRestart, Help: "The adapter's queue length (Linux).", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Adapter.TxQueueLen })},
	{Name: "ifconfig", Usage: "local remote-or-netmask", Where: pull, Reload: ReloadRestart, Help: "The adapter's IPv4 address, with a peer's address or a netmask.", set: setIfconfig},
	{Name: "ifconfig-ipv6", Usage: "address/bits [remote]", Where: pull, Reload: ReloadRestart, Help: "The adapter's IPv6 address.", set: setIfconfigIPv6},
	{Name: "ip-win32", Usage: "method [offset|default] [lease]", Where: pull, Help: "Of an Ethernet adapter: the offset of its DHCP server's address in the subnet, and the lease in seconds, both after dynamic.", set: func(b *builder, d *call) error { b.device.ipWin32 = d; return nil }},
	{Name: "ifconfig-noexec", Where: top, Reload: ReloadRestart, Help: "Leave the adapter's addresses alone.", set: on(func(c *Config) *bool { return &c.Adapter.IfconfigNoexec })},

	{Name: "route", Adds: true, Usage: "network [netmask] [gateway] [metric]", Where: pull, Routing: true, Help: "An IPv4 route, through the tunnel unless a gateway says otherwise.", set: setRoute},
	{Name: "route-ipv6", Adds: true, Usage: "network/bits [gateway] [metric]", Where: pull, Routing: true, Help: "An IPv6 route.", set: setRouteIPv6},
	{Name: "route-gateway", Usage: "address|dhcp", Where: pull, Help: "The gateway of routes that name none.", set: setRouteGateway},
	{Name: "route-metric", Usage: "n", Where: pull, Routing: true, Help: "The metric of routes that name none.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Routing.Metric })},
	{Name: "route-nopull", Where: top, Role: RoleClient, Help: "Take no routes and no DNS from the server.", set: on(func(c *Config) *bool { return &c.Routing.NoPull })},
	{Name: "allow-pull-fqdn", Where: top, Role: RoleClient, Help: "Take names in the routes that the server pushes.", set: on(func(c *Config) *bool { return &c.Routing.AllowPullFQDN })},
	{Name: "route-noexec", Where: top, Help: "Leave routes alone.", set: on(func(c *Config) *bool { return &c.Routing.NoExec })},
	{Name: "redirect-gateway", Adds: true, Usage: "[flag] ...", Where: pull, Role: RoleClient, Routing: true, Help: "Send all traffic through the tunnel: def1, ipv6, !ipv4, local, autolocal, block-local; bypass-dhcp and bypass-dns mean something on Windows only.", set: redirect(false)},
	{Name: "redirect-private", Adds: true, Usage: "[flag] ...", Where: pull, Role: RoleClient, Routing: true, Help: "The same without changing the default route.", set: redirect(true)},
	{Name: "dhcp-option", Adds: true, Usage: "kind [value] ...", Where: pull, Routing: true, Help: "DNS servers, domains and the like for this host.", set: setDHCPOption},
	{Name: "dns", Adds: true, Usage: "server|search-domains value ...", Where: pull, Routing: true, Help: "DNS servers and search domains for this host.", set: setDNS},
}

// serverRows are the directives of a server and its clients.
var serverRows = []Directive{
	{Name: "mode", Usage: "p2p|server", Where: top, Reload: ReloadRestart, Help: "p2p, or server for many clients.", set: choice(func(c *Config) *Mode { return &c.Mode }, word[Mode]{"p2p", ModeP2P}, word[Mode]{"server", ModeServer})},
	{Name: "server", Usage: "network netmask [nopool]", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "Serve clients, with addresses from this network.", set: setServer},
	{Name: "server-ipv6", Usage: "network/bits", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "Serve clients, with IPv6 addresses from this network, too or alone.", set: setServerIPv6},
	{Name: "ifconfig-pool", Usage: "start end [netmask]", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "The range of addresses for clients.", set: setIfconfigPool},
	{Name: "ifconfig-ipv6-pool", Usage: "network/bits", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "The range of IPv6 addresses for clients.", set: networkIPv6(func(c *Config) *netip.Prefix { return &c.Server.PoolIPv6 })},
	{Name: "ifconfig-pool-persist", Usage: "file [seconds]", Where: top, Role: RoleServer, Touches: TouchWrites, Help: "Remember which client had which address.", set: setPoolPersist},
	{Name: "push", Adds: true, Usage: "option ...", Where: top | InCCD, Role: RoleServer, Help: "An option for clients.", set: setPush},
	{Name: "client-to-client", Where: top, Role: RoleServer, Help: "Let clients reach one another.", set: on(func(c *Config) *bool { return &c.Server.ClientToClient })},
	{Name: "duplicate-cn", Where: top, Role: RoleServer, Help: "Let several clients share one name.", set: on(func(c *Config) *bool { return &c.Server.DuplicateCN })},
	{Name: "max-clients", Usage: "n", Where: top, Role: RoleServer, Help: "Clients at one time.", set: integer(1, 1<<24, func(c *Config) *int { return &c.Server.MaxClients })},
	{Name: "connect-freq", Usage: "n seconds", Where: top, Role: RoleServer, Help: "How many sessions may begin in a time, of all clients together; more have to wait.", set: setConnectFreq},
	{Name: "connect-freq-initial", Usage: "n seconds", Where: top, Role: RoleServer, Help: "How many first packets of one source (an IPv4 address, an IPv6 /56) are answered in a time over UDP. It is for each, so that clients elsewhere do not wait.", set: rate(func(c *Config) *Rate { return &c.Server.ConnectFreqInitial })},
	{Name: "verify-client-cert", Usage: "none|optional|require", Where: top, Role: RoleServer, Help: "Whether clients need a certificate.", set: choice(func(c *Config) *ClientCert { return &c.Trust.VerifyClientCert }, word[ClientCert]{"none", ClientCertNone}, word[ClientCert]{"optional", ClientCertOptional}, word[ClientCert]{"require", ClientCertRequire})},
}
