package config

// roleRows are the directives of PartRole.
var roleRows = list{
	{Name: "client", Where: top, Role: RoleClient, Help: "Be a client: the same as tls-client and pull.", set: setClient},
	{Name: "tls-client", Where: top, Help: "Begin the TLS handshake; the other end has tls-server.", set: on(func(c *Config) *bool { return &c.TLSClient })},
	{Name: "tls-server", Where: top, Help: "Answer the TLS handshake; the other end has tls-client.", set: on(func(c *Config) *bool { return &c.TLSServer })},
	{Name: "pull", Where: top, Role: RoleClient, Help: "Take the options that the server pushes.", set: on(func(c *Config) *bool { return &c.Pull })},
	{Name: "mode", changedBy: "server server-ipv6 server-bridge proxy-lan", Usage: "p2p|server", Where: top, Default: "p2p", Help: "Serve many clients (server), or talk to one other host (p2p).", set: choice(func(c *Config) *Mode { return &c.Mode }, word[Mode]{"p2p", ModeP2P}, word[Mode]{"server", ModeServer})},
	{Name: "secret", conceal: concealBlock, Usage: "file [direction]", Where: top, Inline: true, Help: "Use one shared key in place of TLS, between two hosts.", set: keyFile(func(c *Config) **File { return &c.Trust.Secret })},
	{Name: "allow-deprecated-insecure-static-crypto", Where: top, Help: "Say that secret is meant, which has no forward secrecy; OpenVPN 2.7 needs it beside secret.", set: on(func(c *Config) *bool { return &c.Data.AllowStaticCrypto })},
	{Name: "push-peer-info", Where: top, Role: RoleClient, Help: "Tell the server more about this host: its MAC address, the system's version and the TLS library.", set: on(func(c *Config) *bool { return &c.Process.PushPeerInfo })},
	{Name: "config", Adds: true, Usage: "file", Where: top | InCCD, Help: "Read another configuration file here.", set: setConfig},
	{Name: "ignore-unknown-option", Adds: true, Usage: "name ...", Where: top, Help: "Skip these directives where they are not supported, with a note.", set: setIgnoreUnknown},
	{Name: "single-session", Where: top, Help: "Of two hosts: once the other one is connected, take no new connection from it while that lasts.", set: on(func(c *Config) *bool { return &c.Link.SingleSession })},
	{Name: "compat-mode", Usage: "version", Where: top, Help: "Take the defaults of an older OpenVPN version.", set: setCompatMode},

	// Read by the session's negotiation.
	{Name: "protocol-flags", Usage: "[flag] ...", Where: pull, Status: Negotiated, Help: "Protocol features that both ends use."},
	{Name: "peer-id", Usage: "id", Where: pull, Status: Negotiated, Help: "This client's number on the server."},
	{Name: "push-continuation", Usage: "n", Where: InPush, Status: Negotiated, Help: "Say whether more pushed options follow."},

	// Accepted, and nothing to do.
	{Name: "disable-occ", Where: top, Status: Harmless, Reason: "no options are compared anyway", Help: "Do not compare options with the other end."},
	{Name: "opt-verify", Where: top, Status: Harmless, Help: "Compare options with the other end; removed in OpenVPN 2.7."},

	// Refused.
	{Name: "scramble", conceal: concealAll, Usage: "[argument] ...", Where: top, Status: Refused, Reason: "a patch that changes what goes over the wire; remove it on both ends", Help: "Obfuscate packets; from a patched OpenVPN."},
	{Name: "gremlin", Usage: "n", Where: top, Status: Refused, Reason: "it tests OpenVPN itself: remove the line", Help: "Break connections at random, to test OpenVPN."},
}
