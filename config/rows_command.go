package config

// commandsRows are the directives of PartCommands.
var commandsRows = list{
	// Commands.
	{Name: "help", Where: InCommandLine, Status: Command, Help: "Show this list, or what is known about a directive."},
	{Name: "version", Where: InCommandLine, Status: Command, Help: "Show the version."},
	{Name: "genkey", Usage: "[kind] [file] [argument]", Where: InCommandLine, Status: Command, Help: "Make a key: secret, tls-auth, tls-crypt, tls-crypt-v2-server, tls-crypt-v2-client or auth-token."},
	{Name: "mktun", Where: InCommandLine, Status: Command, Help: "Make an adapter that stays, and exit."},
	{Name: "rmtun", Where: InCommandLine, Status: Command, Help: "Remove an adapter that stayed, and exit."},
	{Name: "show-ciphers", Where: InCommandLine, Status: Command, Help: "List the ciphers of the data channel."},
	{Name: "show-digests", Where: InCommandLine, Status: Command, Help: "List the digests."},
	{Name: "show-tls", Where: InCommandLine, Status: Command, Help: "List the TLS suites."},
	{Name: "show-groups", Where: InCommandLine, Status: Command, Help: "List the key agreement groups."},
	{Name: "show-curves", Where: InCommandLine, Status: Command, Help: "List the elliptic curves."},

	// For Windows.
	{Name: "show-adapters", Where: InCommandLine, Status: WindowsOnly, Help: "List adapters."},
	{Name: "show-net", Where: InCommandLine, Status: WindowsOnly, Help: "Show routes and adapters."},
	{Name: "show-valid-subnets", Where: InCommandLine, Status: WindowsOnly, Help: "Show valid networks."},

	// Not yet.
	{Name: "test-crypto", Where: InCommandLine, Status: Planned, Reason: "the ciphers are tested when this program is built", Help: "Test the ciphers."},
	{Name: "show-engines", Where: InCommandLine, Status: Planned, Reason: "there is no OpenSSL here", Help: "List OpenSSL engines."},
	{Name: "show-gateway", Usage: "[address]", Where: InCommandLine, Status: Planned, Reason: "run: ip route show default", Help: "Show the default gateway."},
	{Name: "show-pkcs11-ids", Usage: "[provider] [private]", Where: InCommandLine, Status: Planned, Reason: "put certificate and key in files, and name them with cert and key", Help: "List keys in hardware."},
}
