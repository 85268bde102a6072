package config

import "time"

// linkRows are the directives of PartLink.
var linkRows = list{
	{Name: "remote", Adds: true, Usage: "host [port] [proto]", Where: conn, Role: RoleClient, Help: "Connect to this server; several are tried in turn.", set: setRemote},
	{Name: "remote-random", Where: top, Role: RoleClient, Help: "Try the servers in random order.", set: on(func(c *Config) *bool { return &c.Link.RemoteRandom })},
	{Name: "remote-random-hostname", Where: top, Role: RoleClient, Help: "Put random characters before the server's name, to get past DNS caches.", set: on(func(c *Config) *bool { return &c.Link.RemoteRandomHostname })},
	{Name: "proto", Usage: "proto", Where: conn, Default: "udp", Help: "Use this outer protocol: udp, udp4, udp6, tcp, tcp4, tcp6, or tcp-client and the like.", set: setProto},
	{Name: "proto-force", Usage: "proto", Where: top, Role: RoleClient, Help: "Use only the remotes with this protocol: udp or tcp.", set: setProtoForce},
	{Name: "port", Usage: "port", Where: conn, Default: "1194", Help: "Use this port on both ends.", set: port(func(l *socketLines) *string { return &l.port }, 0)},
	{Name: "lport", Usage: "port", Where: conn, Help: "Use this port on this end; 0 is any free port.", set: port(func(l *socketLines) *string { return &l.lport }, 0)},
	{Name: "rport", Usage: "port", Where: conn, Role: RoleClient, Help: "Use this port on the server.", set: port(func(l *socketLines) *string { return &l.rport }, 1)},
	{Name: "local", Adds: true, Usage: "host [port] [proto]", Where: conn, Help: "Listen on this address, or connect from it; a server takes several.", set: setLocal},
	{Name: "bind", Usage: "[ipv6only]", Where: conn, Help: "Use a fixed local port.", set: setBind},
	{Name: "nobind", Where: conn, Role: RoleClient, Help: "Use any free local port.", set: on(func(c *Config) *bool { return &c.Link.NoBind })},
	{Name: "bind-dev", Usage: "device", Where: top, Help: "Send outer packets through this network interface only (Linux).", set: text(func(c *Config) *string { return &c.Link.BindDev })},
	{Name: "float", Where: conn, Help: "Let the other end change its address.", set: on(func(c *Config) *bool { return &c.Link.Float })},
	{Name: "mark", Usage: "value", Where: top, Help: "Mark outer packets for policy routing (Linux).", set: setMark},
	{Name: "sndbuf", Usage: "bytes", Where: pull, Help: "Set the size of the socket's send buffer.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Link.SendBuffer })},
	{Name: "rcvbuf", Usage: "bytes", Where: pull, Help: "Set the size of the socket's receive buffer.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Link.ReceiveBuffer })},
	{Name: "mtu-disc", Usage: "no|maybe|yes", Where: conn, Help: "Say whether routers may cut outer packets that are too large; yes forbids it (Linux).", set: choice(func(c *Config) *MTUDiscovery { return &c.Link.MTUDiscovery }, word[MTUDiscovery]{"no", MTUDiscoveryNo}, word[MTUDiscovery]{"maybe", MTUDiscoveryMaybe}, word[MTUDiscovery]{"yes", MTUDiscoveryYes})},
	{Name: "resolv-retry", Usage: "seconds", Where: top, Role: RoleClient, Default: "infinite", Help: "Keep trying to resolve a server's name for this long, or infinite.", set: setResolvRetry},
	{Name: "connect-retry", Usage: "seconds [max]", Where: conn, Role: RoleClient, Default: "1 300", Help: "Wait this long between attempts to connect; the wait doubles up to max.", set: setConnectRetry},
	{Name: "connect-retry-max", Usage: "n|unlimited", Where: conn, Role: RoleClient, Default: "unlimited", Help: "Give up on a server after this many attempts.", set: setConnectRetryMax},
	{Name: "connect-timeout", Usage: "seconds", Where: conn, Role: RoleClient, Default: "120", Help: "Try the next server after this long without an answer.", set: seconds(maxSeconds, func(c *Config) *time.Duration { return &c.Link.ConnectTimeout })},
	{Name: "server-poll-timeout", Same: "connect-timeout", Usage: "seconds", Where: conn, Role: RoleClient, Default: "120", Help: "The same as connect-timeout.", set: seconds(maxSeconds, func(c *Config) *time.Duration { return &c.Link.ConnectTimeout })},
	{Name: "http-proxy", Usage: "host port [file|stdin|auto|auto-nct] [none|basic|digest|ntlm2]", Where: conn, Role: RoleClient, Touches: TouchSends, Help: "Connect through an HTTP proxy; auto takes its best login, auto-nct one that never sends the password.", set: setHTTPProxy},
	{Name: "http-proxy-option", Adds: true, Usage: "option [value] ...", Where: conn, Role: RoleClient, Help: "Set a detail of the HTTP proxy: VERSION, AGENT or CUSTOM-HEADER.", set: setHTTPProxyOption},
	{Name: "http-proxy-user-pass", Usage: "file", Where: conn, Role: RoleClient, Inline: true, Touches: TouchSends, Help: "Read the HTTP proxy's user name and password from this file.", set: file(func(c *Config) **File { return &c.Link.HTTPProxyUserPass })},
	{Name: "socks-proxy", Usage: "host [port] [file|stdin]", Where: conn, Role: RoleClient, Touches: TouchSends, Help: "Connect through a SOCKS5 proxy.", set: setSOCKSProxy},
	{Name: "port-share", Usage: "host port [dir]", Where: top, Role: RoleServer, Touches: TouchWrites, Help: "Pass what is not OpenVPN on a TCP port on to a web server.", set: setPortShare},
	{Name: "tcp-queue-limit", Usage: "n", Where: top, Role: RoleServer, Default: "64", Help: "Hold at most this many packets for a slow TCP client before dropping others.", set: setTCPQueueLimit},
	{Name: "tcp-nodelay", Where: top, Help: "Have clients send TCP packets at once, as this end always does.", set: setTCPNoDelay},
	{Name: "socket-flags", Adds: true, Usage: "flag ...", Where: pull, Help: "Set flags of the outer socket: TCP_NODELAY, which is always set.", set: setSocketFlags},
	{Name: "shaper", Usage: "bytes", Where: pull, Help: "Send at most this many bytes a second into the tunnel, from 100 to 100000000.", set: integer(100, 100_000_000, func(c *Config) *int { return &c.Link.Shaper })},
	{Name: "passtos", Where: pull, Help: "Give outer packets the class (DSCP) of the packets inside them (Linux).", set: on(func(c *Config) *bool { return &c.Link.PassTOS })},

	// Accepted, and nothing to do.
	{Name: "preresolve", Where: top, Status: Harmless, Help: "Resolve names once, at the start."},
	{Name: "multihome", Usage: "[same-interface]", Where: top, Status: Harmless, Help: "Answer from the address that a packet came to, which is always done."},
	{Name: "persist-local-ip", Where: top, Status: Harmless, Help: "Keep the local address across restarts."},
	{Name: "persist-remote-ip", Where: top, Role: RoleClient, Status: Harmless, Help: "Keep the server's address across restarts."},
	{Name: "mptcp", Where: top, Status: Harmless, Reason: "ignored; not part of OpenVPN", Help: "Use multipath TCP; from a patched OpenVPN."},
	{Name: "disable-dco", Where: top, Status: Harmless, Help: "Use no kernel module, which is always so."},
	{Name: "enable-dco", Where: top, Status: Harmless, Reason: "ignored; no kernel module is used", Help: "Use a kernel module; from a patched OpenVPN."},
	{Name: "http-proxy-retry", Usage: "[value]", Where: conn, Role: RoleClient, Status: Harmless, Reason: "ignored since OpenVPN 2.4; see connect-retry-max", Help: "Keep trying the HTTP proxy; removed in OpenVPN 2.4."},
	{Name: "http-proxy-timeout", Usage: "[seconds]", Where: conn, Role: RoleClient, Status: Harmless, Reason: "ignored since OpenVPN 2.4; see connect-timeout", Help: "Wait this long for the HTTP proxy; removed in OpenVPN 2.4."},
	{Name: "socks-proxy-retry", Usage: "[value]", Where: conn, Role: RoleClient, Status: Harmless, Reason: "ignored since OpenVPN 2.4; see connect-retry-max", Help: "Keep trying the SOCKS proxy; removed in OpenVPN 2.4."},

	// Not yet.
	{Name: "http-proxy-override", Usage: "host port ...", Where: conn, Role: RoleClient, Status: Planned, Reason: "write http-proxy HOST PORT in its place", Help: "Use this HTTP proxy for all connections."},
}
