package config

import (
	"net/netip"
)

// serverRows are the directives of PartServer.
var serverRows = list{
	{Name: "server", Usage: "network netmask [nopool]", Where: top, Role: RoleServer, Help: "Serve clients, with addresses from this network.", set: setServer},
	{Name: "server-ipv6", Usage: "network/bits", Where: top, Role: RoleServer, Help: "Serve clients, with IPv6 addresses from this network.", set: setServerIPv6},
	{Name: "server-bridge", Usage: "[gateway|nogw] [netmask] [start] [end]", Where: top, Role: RoleServer, Help: "Serve clients on a bridged Ethernet, with addresses from start to end or from its DHCP server.", set: setServerBridge},
	{Name: "proxy-lan", Usage: "interface [pool|dhcp]", Where: top, Role: RoleServer, Help: "Serve tun clients on the Ethernet of this interface, with its addresses (not in OpenVPN).", set: setProxyLAN},
	{Name: "allow-lan", Where: top, Role: RoleServer, Help: "In user space, let clients reach the networks of this host's interfaces (not in OpenVPN).", set: on(func(c *Config) *bool { return &c.Server.AllowLAN })},
	{Name: "ifconfig-pool", Usage: "start end [netmask]", Where: top, Role: RoleServer, Help: "Give clients addresses from this range.", set: setIfconfigPool},
	{Name: "ifconfig-ipv6-pool", Usage: "network/bits", Where: top, Role: RoleServer, Help: "Give clients IPv6 addresses from this network.", set: networkIPv6(func(c *Config) *netip.Prefix { return &c.Server.PoolIPv6 })},
	{Name: "ifconfig-push-constraint", Guards: true, Usage: "network netmask", Where: top, Role: RoleServer, Help: "Let ifconfig-push give addresses of this network only.", set: setPushConstraint},
	{Name: "ifconfig-pool-persist", Usage: "file [seconds]", Where: top, Role: RoleServer, Touches: TouchWrites, Help: "Remember in this file which client had which address.", set: setPoolPersist},
	{Name: "push", conceal: concealLine, Adds: true, Usage: "option ...", Where: top | InCCD, Role: RoleServer, Help: "Send this option to clients.", set: setPush},
	{Name: "client-to-client", Where: top, Role: RoleServer, Help: "Let clients reach one another.", set: on(func(c *Config) *bool { return &c.Server.ClientToClient })},
	{Name: "duplicate-cn", Where: top, Role: RoleServer, Help: "Let several clients share one name.", set: on(func(c *Config) *bool { return &c.Server.DuplicateCN })},
	{Name: "max-clients", Usage: "n", Where: top, Role: RoleServer, Default: "1024", Help: "Serve at most this many clients at one time.", set: integer(1, 1<<24, func(c *Config) *int { return &c.Server.MaxClients })},
	{Name: "connect-freq", Usage: "n seconds", Where: top, Role: RoleServer, Help: "Begin at most this many sessions in this time, all clients together; others wait.", set: setConnectFreq},
	{Name: "connect-freq-initial", Usage: "n seconds", Where: top, Role: RoleServer, Help: "Answer at most this many first packets in this time over UDP, not counting clients that then prove their address.", set: rate(func(c *Config) *Rate { return &c.Server.ConnectFreqInitial })},
	{Name: "handshakes-per-address", Usage: "n seconds", Where: top, Role: RoleServer, Help: "Begin at most this many newcomers' handshakes of one address in this time; others wait (docs/features.md; not in OpenVPN).", set: rate(func(c *Config) *Rate { return &c.Server.HandshakesPerAddress })},
	{Name: "max-routes-per-client", Usage: "n", Where: top | InCCD, Role: RoleServer, Default: "256", Help: "Let one client have this many networks (iroute) or MAC addresses (tap) behind it.", set: setMaxRoutesPerClient},
	{Name: "client-config-dir", Usage: "dir", Where: top, Role: RoleServer, Reload: ReloadLive, Help: "Read settings of each client from a file of its name in this directory; DEFAULT is for the others.", set: text(func(c *Config) *string { return &c.Server.ClientConfigDir })},
	{Name: "policy", Guards: true, Usage: "file", Where: top, Role: RoleServer, Inline: true, Help: "Let clients reach what this file says, and no more (docs/policy.md; not in OpenVPN).", set: file(func(c *Config) **File { return &c.Server.Policy })},
	{Name: "names", Usage: "[domain]", Where: top, Role: RoleServer, Help: "Have clients ask this server for names, and answer those of others, as phone.alice.vpn (docs/users.md; not in OpenVPN).", set: setNames},
	{Name: "web-listen", Usage: "address:port [cert] [key]", Where: top, Role: RoleServer, Touches: TouchWrites, Help: "Serve pages by HTTPS, as those that hand profiles over, with this certificate (docs/web.md; not in OpenVPN).", set: setWebListen},
	{Name: "web-url", Usage: "url", Where: top, Role: RoleServer, Help: "Say in links that these pages are at this address, as https://vpn.example.org:8443 (docs/web.md; not in OpenVPN).", set: setWebURL},
	{Name: "dashboard-listen", Usage: "address:port [cert] [key]", Where: top, Role: RoleServer, Touches: TouchWrites, Help: "Serve the dashboard by HTTPS, with this certificate, or on loopback by HTTP (docs/dashboard.md; not in OpenVPN).", set: setDashboardListen},
	{Name: "dashboard-url", Usage: "url", Where: top, Role: RoleServer, Help: "People find the dashboard at this address, as https://vpn.example.org:8444 (docs/dashboard.md; not in OpenVPN).", set: setDashboardURL},
	{Name: "dashboard-admit", Adds: true, Guards: true, Usage: "group read|operate|administer", Where: top, Role: RoleServer, Help: "Let this group's users see, steer or administer by the dashboard (docs/dashboard.md; not in OpenVPN).", set: setDashboardAdmit},
	{Name: "api-listen", Usage: "address:port [cert] [key]", Where: top, Role: RoleServer, Touches: TouchWrites, Help: "Let programs with a token ask the API by HTTPS at this address, with this certificate (docs/api.md; not in OpenVPN).", set: setAPIListen},
	{Name: "ccd-exclusive", Where: top, Role: RoleServer, Help: "Admit only clients with a file in client-config-dir.", set: on(func(c *Config) *bool { return &c.Server.CCDExclusive })},
	{Name: "vlan-tagging", Where: top, Role: RoleServer, Help: "Switch by VLAN tags (tap).", set: on(func(c *Config) *bool { return &c.Server.VLANTagging })},
	{Name: "vlan-accept", Usage: "all|tagged|untagged", Where: top, Role: RoleServer, Default: "all", Help: "Admit these frames of the adapter (tap).", set: choice(func(c *Config) *VLANAccept { return &c.Server.VLANAccept }, word[VLANAccept]{"all", VLANAll}, word[VLANAccept]{"tagged", VLANTagged}, word[VLANAccept]{"untagged", VLANUntagged})},
	{Name: "vlan-pvid", Usage: "id", Where: top | InCCD, Role: RoleServer, Default: "1", Help: "Put untagged frames in this VLAN: of the adapter, or of one client (tap).", set: setVLANPVID},
	{Name: "own-mac-only", Usage: "[address] ...", Where: top | InCCD, Role: RoleServer, Help: "Let a client send from its own MAC addresses only (tap; not in OpenVPN).", set: setOwnMACOnly},
	{Name: "stale-routes-check", Usage: "seconds [interval]", Where: top, Role: RoleServer, Help: "Forget a client's MAC address this long after its last frame (tap).", set: setStaleRoutes},

	// Accepted, and nothing to do.
	{Name: "hash-size", Usage: "real virtual", Where: top, Role: RoleServer, Status: Harmless, Help: "Set the size of tables, which grow by themselves.", set: setHashSize},
	{Name: "bcast-buffers", Usage: "n", Where: top, Role: RoleServer, Status: Harmless, Help: "Set the number of buffers for broadcasts."},

	// Refused.
	{Name: "ifconfig-pool-linear", Where: top, Role: RoleServer, Status: Refused, Reason: "was removed in OpenVPN 2.5; write topology p2p", Help: "Give out addresses one by one; removed in OpenVPN 2.5."},
}
