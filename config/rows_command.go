package config

// commandsRows are the directives of PartCommands.
var commandsRows = list{
	// Commands.
	{Name: "help", Where: InCommandLine, Status: Command, Help: "Show this list, or what is known about a directive."},
	{Name: "version", Where: InCommandLine, Status: Command, Help: "Show the version."},
	{Name: "genkey", conceal: concealRest, Usage: "[kind] [file] [argument]", Where: InCommandLine, Status: Command, Help: "Make a key: secret, tls-auth, tls-crypt, tls-crypt-v2-server, tls-crypt-v2-client or auth-token."},
	{Name: "mktun", Where: InCommandLine, Status: Command, Help: "Make an adapter that stays, and exit."},
	{Name: "rmtun", Where: InCommandLine, Status: Command, Help: "Remove an adapter that stayed, and exit."},
	{Name: "show-ciphers", Where: InCommandLine, Status: Command, Help: "List the ciphers of the data channel."},
	{Name: "show-digests", Where: InCommandLine, Status: Command, Help: "List the digests."},
	{Name: "show-tls", Where: InCommandLine, Status: Command, Help: "List the TLS suites."},
	{Name: "show-groups", Where: InCommandLine, Status: Command, Help: "List the key agreement groups."},
	{Name: "show-curves", Where: InCommandLine, Status: Command, Help: "List the elliptic curves."},
	{Name: "show-gateway", Usage: "[address]", Where: InCommandLine, Status: Command, Help: "Show the default gateways, or the one on the way to an address."},
	{Name: "show-adapters", Where: InCommandLine, Status: Command, Help: "List this host's adapters."},
	{Name: "show-net", Where: InCommandLine, Status: Command, Help: "Show this host's adapters and gateways."},
	{Name: "show-valid-subnets", Where: InCommandLine, Status: Command, Help: "List the pairs of addresses of topology net30."},
	{Name: "show-engines", Where: InCommandLine, Status: Command, Help: "Say that there are no OpenSSL engines."},
	{Name: "test-crypto", Where: InCommandLine, Status: Command, Help: "Seal and open packets of every length, with all ciphers or that of cipher."},

	// Refused.
	{Name: "show-pkcs11-ids", Usage: "[provider] [private]", Where: InCommandLine, Status: Refused, Reason: noPKCS11, Help: "List keys in hardware."},
}
