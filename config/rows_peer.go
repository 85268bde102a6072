package config

// peerRows are the directives of tunnels between two hosts, of certificates
// known one by one, and of what is taken of a server's push.
var peerRows = []Directive{
	{Name: "peer-fingerprint", Adds: true, Usage: "hash ...", Where: top, Inline: true, Help: "The certificates to accept, by SHA-256; no authority is needed then.", set: setPeerFingerprint},
	{Name: "secret", Usage: "file [direction]", Where: top, Inline: true, Reload: ReloadRestart, Help: "A shared key in place of TLS, between two hosts.", set: keyFile(func(c *Config) **File { return &c.Trust.Secret })},
	{Name: "allow-deprecated-insecure-static-crypto", Where: top, Reload: ReloadRestart, Help: "Allow secret, which has no forward secrecy.", set: on(func(c *Config) *bool { return &c.Data.AllowStaticCrypto })},
	{Name: "pull-filter", Adds: true, Usage: "accept|ignore|reject text", Where: top, Role: RoleClient, Help: "Which pushed options to take, by how they begin; the first that fits decides.", set: setPullFilter},
}

// perClientRows are the directives of client-config-dir and its files.
var perClientRows = []Directive{
	{Name: "client-config-dir", Usage: "dir", Where: top, Role: RoleServer, Help: "Settings for each client, in files by name; DEFAULT for those without one.", set: text(func(c *Config) *string { return &c.Server.ClientConfigDir })},
	{Name: "ccd-exclusive", Where: top, Role: RoleServer, Help: "Admit only clients with such a file.", set: on(func(c *Config) *bool { return &c.Server.CCDExclusive })},
	{Name: "ifconfig-push", Usage: "local remote-or-netmask [alias]", Where: InCCD, Role: RoleServer, Help: "One client's address.", set: setIfconfigPush},
	{Name: "ifconfig-ipv6-push", Usage: "address/bits [remote]", Where: InCCD, Role: RoleServer, Help: "One client's IPv6 address.", set: setIfconfigIPv6Push},
	{Name: "iroute", Adds: true, Usage: "network [netmask]", Where: InCCD, Role: RoleServer, Help: "A network behind a client.", set: setIRoute},
	{Name: "iroute-ipv6", Adds: true, Usage: "network/bits", Where: InCCD, Role: RoleServer, Help: "An IPv6 network behind a client.", set: setIRouteIPv6},
	{Name: "push-reset", Where: InCCD, Role: RoleServer, Help: "Push nothing of the general settings.", set: setPushReset},
	{Name: "push-remove", Adds: true, Usage: "text", Where: InCCD, Role: RoleServer, Help: "Leave out what is pushed with this text in it.", set: setPushRemove},
	{Name: "disable", Where: InCCD, Role: RoleServer, Help: "Refuse this client.", set: setDisable},
}
