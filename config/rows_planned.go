package config

// plannedRows are the directives that are known and not carried out yet, and
// those that are commands of their own. To take a planned one up, delete its
// Status and give it a setter.
var plannedRows = []Directive{
	// The link.
	{Name: "http-proxy-override", Usage: "host port ...", Where: conn, Role: RoleClient, Status: Planned, Reason: "write http-proxy HOST PORT in its place", Help: "The HTTP proxy of all connections."},
	{Name: "single-session", Where: top, Status: Planned, Reason: "remove the line; the other host can then connect again after it left, by its certificate or key", Help: "Take one connection only."},
	{Name: "session-timeout", Usage: "seconds", Where: pull | InCCD, Status: Planned, Reason: "without it a session lasts until one end leaves, or is idle (inactive SECONDS)", Help: "End sessions after this time."},
	{Name: "shaper", Usage: "bytes", Where: pull, Status: Planned, Reason: "the system can limit the rate instead, such as by: tc qdisc add dev tun0 root tbf rate 1mbit burst 32k latency 400ms", Help: "Send no more than this per second."},
	{Name: "mlock", Where: top, Status: Planned, Reason: "turn off swap, or encrypt it", Help: "Keep memory from being swapped."},

	// The adapter and routes.
	{Name: "block-ipv6", Where: pull, Routing: true, Status: Planned, Reason: "IPv6 can be refused in the firewall instead, such as by: nft add rule inet filter output oifname tun0 meta nfproto ipv6 reject", Help: "Answer IPv6 packets as unreachable."},
	{Name: "route-ipv6-gateway", Usage: "address", Where: pull, Status: Planned, Reason: "give the gateway in route-ipv6", Help: "The gateway of IPv6 routes that name none."},
	{Name: "route-table", Usage: "id", Where: top, Status: Planned, Reason: "write route-noexec, and add the routes by: ip route add NETWORK dev tun0 table ID", Help: "The routing table to put routes in (Linux)."},
	{Name: "allow-recursive-routing", Where: top, Status: Planned, Reason: "remove the line; packets to the server's own address that a route sends into the tunnel are then dropped, since they would go round in circles", Help: "Let packets to the server itself into the tunnel."},
	{Name: "client-nat", Usage: "snat|dnat network netmask alias", Where: pull, Role: RoleClient, Routing: true, Status: Planned, Reason: "the firewall can translate instead, such as by: nft add rule ip nat postrouting oifname tun0 snat prefix to ADDRESS/BITS", Help: "Translate addresses inside the tunnel."},
	{Name: "mktun", Where: InCommandLine, Status: Command, Help: "Make a persistent adapter and exit."},
	{Name: "rmtun", Where: InCommandLine, Status: Command, Help: "Remove a persistent adapter and exit."},

	// The server.
	{Name: "override-username", Usage: "name", Where: InCCD, Role: RoleServer, Status: Planned, Reason: "remove the line; the client is then known by the name that it gives", Help: "The client's user name from here on."},
	{Name: "force-tls-key-material-export", Guards: true, Where: top, Role: RoleServer, Status: Planned, Reason: "remove the line; clients from OpenVPN 2.6 on derive keys so in any case, and older ones are then let in too", Help: "Admit only clients that derive keys by RFC 5705."},
	{Name: "plugin", Guards: true, Usage: "module [argument] ...", Where: top, Status: Planned, Reason: "plugins are never loaded, and skipping one that checks passwords would let anybody in", Touches: TouchRuns, Help: "A module for authentication and the like."},

	// Keys and certificates.
	{Name: "verify-hash", Guards: true, Usage: "hash [algorithm]", Where: top, Inline: true, Status: Refused, Reason: "refused, as it was deprecated: it compares the authority's certificate only; name that authority alone with ca, or the peer's own certificate with peer-fingerprint", Help: "The authority to accept, by hash."},
	{Name: "tls-export-cert", Usage: "dir", Where: top, Status: Planned, Reason: "remove the line; a program of tls-verify finds what the certificate says in its environment", Touches: TouchWrites, Help: "Where to write the peer's certificate for programs."},
	{Name: "engine", Usage: "[name]", Where: top, Status: Planned, Reason: "keys in hardware are not supported", Touches: TouchRuns, Help: "An OpenSSL engine."},
	{Name: "pkcs11-providers", Usage: "provider ...", Where: top, Status: Planned, Reason: "keys in hardware are not supported; name a certificate and its key in files, by cert and key", Touches: TouchRuns, Help: "Modules for keys in hardware."},
	{Name: "pkcs11-id", Usage: "name", Where: top, Status: Planned, Reason: "keys in hardware are not supported; name a certificate and its key in files, by cert and key", Help: "A key in hardware."},
	{Name: "pkcs11-id-management", Where: top, Status: Planned, Reason: "keys in hardware are not supported; name a certificate and its key in files, by cert and key", Help: "Let the management interface choose the key."},

	// Programs to run.
	{Name: "up", Usage: "command", Where: top, Status: Planned, Reason: "no program is needed for addresses, routes and names (DNS); where it does no more, remove the line", Touches: TouchRuns, Help: "Run when the adapter is up."},
	{Name: "down", Usage: "command", Where: top, Status: Planned, Reason: "no program is needed for addresses, routes and names (DNS); where it does no more, remove the line", Touches: TouchRuns, Help: "Run when the adapter is down."},
	{Name: "route-up", Usage: "command", Where: top, Status: Planned, Reason: "no program is needed for addresses, routes and names (DNS); where it does no more, remove the line", Touches: TouchRuns, Help: "Run when routes are added."},
	{Name: "route-pre-down", Usage: "command", Where: top, Status: Planned, Reason: "no program is needed for addresses, routes and names (DNS); where it does no more, remove the line", Touches: TouchRuns, Help: "Run before routes are removed."},
	{Name: "ipchange", Usage: "command", Where: top, Status: Planned, Reason: "remove the line; the log says where the peer is", Touches: TouchRuns, Help: "Run when the peer's address is known."},
	{Name: "client-connect", Guards: true, Usage: "command", Where: top, Role: RoleServer, Status: Planned, Reason: "a program that decides who may in can be that of auth-user-pass-verify or tls-verify; settings of one client go in client-config-dir", Touches: TouchRuns, Help: "Run when a client connects."},
	{Name: "client-disconnect", Usage: "command", Where: top, Role: RoleServer, Status: Planned, Reason: "remove the line; the log says who left, and culvert status who is in", Touches: TouchRuns, Help: "Run when a client disconnects."},
	{Name: "learn-address", Guards: true, Usage: "command", Where: top, Role: RoleServer, Status: Planned, Reason: "remove the line where the program only keeps a list; culvert status shows the addresses", Touches: TouchRuns, Help: "Run when a client's address is learned."},
	{Name: "dns-updown", Usage: "command", Where: top, Role: RoleClient, Status: Planned, Reason: "names are set without a program", Touches: TouchRuns, Help: "Run to set up DNS."},

	// Management.
	{Name: "management", Usage: "address port|unix [password-file]", Where: top, Status: Planned, Reason: "remove the line; culvert status, trace and push-update ask a running process", Touches: TouchWrites, Help: "Open the management interface."},
	{Name: "management-client", Where: top, Status: Planned, Help: "Connect to a management client."},
	{Name: "management-client-auth", Guards: true, Where: top, Role: RoleServer, Status: Planned, Reason: "skipping it would let anybody in", Help: "Let the management client check passwords."},
	{Name: "management-client-group", Usage: "group", Where: top, Status: Planned, Help: "Who may use the management socket."},
	{Name: "management-client-user", Usage: "user", Where: top, Status: Planned, Help: "Who may use the management socket."},
	{Name: "management-external-cert", Usage: "hint", Where: top, Status: Planned, Help: "Ask the management client for the certificate."},
	{Name: "management-external-key", Usage: "[format] ...", Where: top, Status: Planned, Help: "Ask the management client for signatures."},
	{Name: "management-forget-disconnect", Where: top, Status: Planned, Help: "Forget passwords when the management client leaves."},
	{Name: "management-hold", Where: top, Status: Planned, Help: "Wait for the management client."},
	{Name: "management-log-cache", Usage: "n", Where: top, Status: Planned, Help: "Log lines kept for the management client."},
	{Name: "management-query-passwords", Where: top, Status: Planned, Help: "Ask the management client for passwords."},
	{Name: "management-query-proxy", Where: top, Status: Planned, Help: "Ask the management client for the proxy."},
	{Name: "management-query-remote", Where: top, Status: Planned, Help: "Ask the management client for the server."},
	{Name: "management-signal", Where: top, Status: Planned, Help: "Stop when the management client leaves."},
	{Name: "management-up-down", Where: top, Status: Planned, Help: "Tell the management client of up and down."},
	{Name: "setcon", Guards: true, Usage: "context", Where: top, Status: Planned, Help: "The SELinux context to run in."},

	// Commands of their own.
	{Name: "help", Where: InCommandLine, Status: Command, Help: "Show all directives."},
	{Name: "version", Where: InCommandLine, Status: Command, Help: "Show the version."},
	{Name: "genkey", Usage: "[kind] [file] [argument]", Where: InCommandLine, Status: Command, Help: "Make a key: secret, tls-auth, tls-crypt, tls-crypt-v2-server, tls-crypt-v2-client or auth-token."},
	{Name: "test-crypto", Where: InCommandLine, Status: Planned, Help: "Test the ciphers."},
	{Name: "show-ciphers", Where: InCommandLine, Status: Command, Help: "List the data channel's ciphers."},
	{Name: "show-digests", Where: InCommandLine, Status: Command, Help: "List the digests."},
	{Name: "show-tls", Where: InCommandLine, Status: Command, Help: "List the TLS suites."},
	{Name: "show-groups", Where: InCommandLine, Status: Command, Help: "List the key agreement groups."},
	{Name: "show-curves", Where: InCommandLine, Status: Command, Help: "List the elliptic curves."},
	{Name: "show-engines", Where: InCommandLine, Status: Planned, Help: "List OpenSSL engines."},
	{Name: "show-gateway", Usage: "[address]", Where: InCommandLine, Status: Planned, Help: "Show the default gateway."},
	{Name: "show-pkcs11-ids", Usage: "[provider] [private]", Where: InCommandLine, Status: Planned, Help: "List keys in hardware."},
}
