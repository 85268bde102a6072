package config

// routingRows are the directives of PartRouting.
var routingRows = list{
	{Name: "route", Adds: true, Usage: "network [netmask] [gateway] [metric]", Where: pull, Routing: true, Help: "Add an IPv4 route through the tunnel, or through a gateway if one is given.", set: setRoute},
	{Name: "route-ipv6", Adds: true, Usage: "network/bits [gateway] [metric]", Where: pull, Routing: true, Help: "Add an IPv6 route through the tunnel, or through a gateway if one is given.", set: setRouteIPv6},
	{Name: "route-gateway", Usage: "address|dhcp", Where: pull, Help: "Use this gateway for routes that name none.", set: setRouteGateway},
	{Name: "route-metric", Usage: "n", Where: pull, Routing: true, Help: "Use this metric for routes that name none.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Routing.Metric })},
	{Name: "route-nopull", Where: top, Role: RoleClient, Help: "Take no routes and no DNS from the server.", set: on(func(c *Config) *bool { return &c.Routing.NoPull })},
	{Name: "route-noexec", Where: top, Help: "Add no routes.", set: on(func(c *Config) *bool { return &c.Routing.NoExec })},
	{Name: "allow-pull-fqdn", Where: top, Role: RoleClient, Help: "Take host names in the route, route-gateway and ifconfig that the server pushes.", set: on(func(c *Config) *bool { return &c.Routing.AllowPullFQDN })},
	{Name: "pull-filter", Adds: true, Usage: "accept|ignore|reject text", Where: top, Role: RoleClient, Help: "Accept, ignore or reject pushed options that begin with this text; the first match decides.", set: setPullFilter},
	{Name: "redirect-gateway", Adds: true, Usage: "[flag] ...", Where: pull, Role: RoleClient, Routing: true, Help: "Send all traffic through the tunnel; the flags say what else, or what not.", set: redirect(false)},
	{Name: "redirect-private", Adds: true, Usage: "[flag] ...", Where: pull, Role: RoleClient, Routing: true, Help: "Take the flags of redirect-gateway without changing the default route.", set: redirect(true)},
	{Name: "dhcp-option", Adds: true, Usage: "kind [value] ...", Where: pull, Routing: true, Help: "Set a DNS server, a domain or the like for this host.", set: setDHCPOption},
	{Name: "dns", Adds: true, Usage: "server|search-domains value ...", Where: pull, Routing: true, Help: "Set a DNS server or search domains for this host.", set: setDNS},
	{Name: "route-ipv6-gateway", Usage: "address", Where: pull, Help: "Use this gateway for IPv6 routes that name none.", set: setRouteIPv6Gateway},
	{Name: "route-table", Usage: "id", Where: top, Help: "Put the routes of route and route-ipv6 in this routing table (Linux); 0 is the main one.", set: setRouteTable},
	{Name: "allow-recursive-routing", Where: top, Help: "Let packets to the server's own address into the tunnel, which may then go round in circles.", set: on(func(c *Config) *bool { return &c.Routing.AllowRecursive })},
	{Name: "block-ipv6", Where: pull, Routing: true, Help: "Let no IPv6 packet into the tunnel, and answer each as unreachable; on a server, those of the clients.", set: on(func(c *Config) *bool { return &c.Routing.BlockIPv6 })},
	{Name: "block-outside", Adds: true, Usage: "[persist|network] ...", Where: top, Role: RoleClient, Guards: true, Help: "Let packets leave this host through the tunnel only, and to these networks; persist is for after a kill or an error (Linux).", set: setBlockOutside},
	{Name: "block-outside-dns", Where: pull, Role: RoleClient, Routing: true, Help: "Keep DNS queries in the tunnel: block port 53 except through it (Linux, Windows).", set: on(func(c *Config) *bool { return &c.Routing.BlockOutsideDNS })},
	{Name: "route-only", Adds: true, Usage: "network|domain|program|user|cgroup [value]", Where: top, Role: RoleClient, Routing: true, Help: "Let only this use the tunnel: a network, a domain, or on Linux what culvert run starts, a user or a cgroup.", set: setChoice(func(c *Config) *Choice { return &c.Routing.Only })},
	{Name: "route-except", Adds: true, Usage: "network|domain|program|user|cgroup [value]", Where: top, Role: RoleClient, Routing: true, Help: "Keep this out of the tunnel: a network, a domain, or on Linux what culvert run starts, a user or a cgroup.", set: setChoice(func(c *Config) *Choice { return &c.Routing.Except })},
	{Name: "client-nat", Adds: true, Usage: "snat|dnat network netmask alias", Where: pull, Role: RoleClient, Routing: true, Help: "Translate IPv4 addresses inside the tunnel: this end's (snat) or the other's (dnat), from network to alias.", set: setClientNAT},

	// Accepted, and nothing to do.
	{Name: "route-delay", spare: true, Usage: "[seconds] [wait]", Where: pull, Help: "Wait before adding routes, and before route-up.", set: setRouteDelay},
	{Name: "route-method", Usage: "method", Where: top, Status: Harmless, Help: "Say how Windows adds routes."},
	{Name: "max-routes", Usage: "n", Where: conn, Status: Harmless, Help: "Limit the number of routes; ignored since OpenVPN 2.4."},

	// For Windows.
	{Name: "register-dns", Where: pull, Routing: true, Status: WindowsOnly, Help: "Make the system notice new DNS servers."},
	{Name: "show-net-up", Where: top, Status: WindowsOnly, Help: "Log routes and adapters."},
}
