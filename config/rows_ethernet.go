package config

// ethernetRows are the directives of tap adapters and of switching.
var ethernetRows = []Directive{
	{Name: "lladdr", Usage: "address", Where: pull, Reload: ReloadRestart, Help: "An Ethernet adapter's MAC address.", set: setLLAddr},
	{Name: "server-bridge", Usage: "[gateway|nogw] [netmask] [start] [end]", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "Serve clients on a bridged Ethernet, with addresses from start to end, or from the DHCP server there.", set: setServerBridge},
	{Name: "proxy-lan", Usage: "interface [pool|dhcp]", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "Serve tun clients on the Ethernet of an interface, with addresses of ifconfig-pool or from the DHCP server there (not OpenVPN's).", set: setProxyLAN},
	{Name: "allow-lan", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "In user space, let clients reach the networks of this host's own interfaces, which are refused else but for what is pushed as a route (not OpenVPN's).", set: on(func(c *Config) *bool { return &c.Server.AllowLAN })},
	{Name: "vlan-tagging", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "Switch by VLAN tags (tap).", set: on(func(c *Config) *bool { return &c.Server.VLANTagging })},
	{Name: "vlan-accept", Usage: "all|tagged|untagged", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "Which frames of the adapter to admit.", set: choice(func(c *Config) *VLANAccept { return &c.Server.VLANAccept }, word[VLANAccept]{"all", VLANAll}, word[VLANAccept]{"tagged", VLANTagged}, word[VLANAccept]{"untagged", VLANUntagged})},
	{Name: "vlan-pvid", Usage: "id", Where: top | InCCD, Role: RoleServer, Reload: ReloadRestart, Help: "The VLAN of untagged frames: of the adapter, or of a client.", set: setVLANPVID},
	{Name: "max-routes-per-client", Usage: "n", Where: top | InCCD, Role: RoleServer, Help: "Networks that one client may have behind it (iroute), or with tap MAC addresses.", set: setMaxRoutesPerClient},
	{Name: "own-mac-only", Usage: "[address] ...", Where: top | InCCD, Role: RoleServer, Reload: ReloadRestart, Help: "Let a client send from its own MAC addresses only (tap): those named in its file of client-config-dir, or the first that it uses (not OpenVPN's).", set: setOwnMACOnly},
	{Name: "stale-routes-check", Usage: "seconds [interval]", Where: top, Role: RoleServer, Reload: ReloadRestart, Help: "How long a client's MAC address is known after its last frame (tap).", set: setStaleRoutes},
}
