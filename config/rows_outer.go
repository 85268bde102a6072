package config

// outerRows are the directives of TCP, of several sockets, and of the proxies
// on the way to a server.
var outerRows = []Directive{
	{Name: "http-proxy", Usage: "host port [file|stdin|auto|auto-nct] [none|basic|digest|ntlm2]", Where: conn, Role: RoleClient, Touches: TouchSends, Help: "Connect through an HTTP proxy; auto takes the best login that the proxy offers, auto-nct none that sends the password.", set: setHTTPProxy},
	{Name: "http-proxy-option", Adds: true, Usage: "option [value] ...", Where: conn, Role: RoleClient, Help: "Details of the HTTP proxy: VERSION, AGENT, CUSTOM-HEADER.", set: setHTTPProxyOption},
	{Name: "http-proxy-user-pass", Usage: "file", Where: conn, Role: RoleClient, Inline: true, Touches: TouchSends, Help: "User name and password for the HTTP proxy.", set: file(func(c *Config) **File { return &c.Link.HTTPProxyUserPass })},
	{Name: "socks-proxy", Usage: "host [port] [file|stdin]", Where: conn, Role: RoleClient, Touches: TouchSends, Help: "Connect through a SOCKS5 proxy.", set: setSOCKSProxy},
	{Name: "proto-force", Usage: "proto", Where: top, Role: RoleClient, Help: "Use only remotes with this protocol: udp or tcp.", set: setProtoForce},
	{Name: "remote-random-hostname", Where: top, Role: RoleClient, Help: "Put random characters before the server's name, past caches.", set: on(func(c *Config) *bool { return &c.Link.RemoteRandomHostname })},
	{Name: "preresolve", Where: top, Status: Harmless, Help: "Resolve names once, at the start."},
	{Name: "multihome", Usage: "[same-interface]", Where: top, Status: Harmless, Help: "Answer from the address a packet came to, as is always done."},
	{Name: "bind-dev", Usage: "device", Where: top, Reload: ReloadRestart, Help: "The only adapter that outer packets may use (Linux).", set: text(func(c *Config) *string { return &c.Link.BindDev })},
	{Name: "tcp-nodelay", Where: top, Help: "Have clients send TCP packets at once, as this side always does.", set: setTCPNoDelay},
	{Name: "socket-flags", Adds: true, Usage: "flag ...", Where: pull, Help: "Flags of the outer socket: TCP_NODELAY, which is always set.", set: setSocketFlags},
	{Name: "tcp-queue-limit", Usage: "n", Where: top, Role: RoleServer, Help: "Packets that may wait for a slow TCP client before others are dropped.", set: setTCPQueueLimit},
	{Name: "port-share", Usage: "host port [dir]", Where: top, Role: RoleServer, Reload: ReloadRestart, Touches: TouchWrites, Help: "Pass on what is not OpenVPN on a TCP port to a web server.", set: setPortShare},
}
