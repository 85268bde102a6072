package config

// programsRows are the directives of PartPrograms.
var programsRows = list{
	{Name: "script-security", Usage: "level [method]", Where: top, Default: "1", Help: "Say which programs may be run: 2 those named here, 3 also with passwords in their environment.", set: setScriptSecurity},
	{Name: "tmp-dir", Usage: "dir", Where: top, Help: "Write files for programs to this directory.", set: text(func(c *Config) *string { return &c.Process.TmpDir })},
	{Name: "setenv", Adds: true, Usage: "name [value] ...", Where: pull, Help: "Set a variable for programs; with push-peer-info, UV_ names go to the server; setenv opt marks a directive as optional.", set: setSetenv},
	{Name: "setenv-safe", Adds: true, Usage: "name [value]", Where: pull, Help: "Set a variable whose name is made to begin with OPENVPN_.", set: setSetenvSafe},
	{Name: "echo", Adds: true, Usage: "[text] ...", Where: pull, Help: "Write this message to the log.", set: setEcho},
	{Name: "x509-track", Adds: true, Usage: "attribute", Where: top, Help: "Tell programs this attribute of certificates, with a + those of the authorities too; without the line, all of the subject.", set: setX509Track},
	{Name: "client-connect", Guards: true, Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Run this program when a client connects; it may refuse it, and write lines of a client-config-dir file for it.", set: command(func(c *Config) *[]string { return &c.Server.ClientConnect })},
	{Name: "client-disconnect", Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Run this program when a client disconnects.", set: command(func(c *Config) *[]string { return &c.Server.ClientDisconnect })},
	{Name: "learn-address", Guards: true, Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Run this program when an address or network begins or ceases to lead to a client; it may refuse.", set: command(func(c *Config) *[]string { return &c.Server.LearnAddress })},

	// Accepted, and nothing to do.
	{Name: "parameter", Adds: true, Usage: "[text] ...", Where: pull, Status: Harmless, Help: "Pass this message to a program that reads the log."},
	{Name: "up-delay", Where: top, Status: Harmless, Reason: "ignored; it is about up's program, and none is run", Help: "Open the adapter only when the other end is connected."},
	{Name: "up-restart", Where: top, Status: Harmless, Reason: "ignored; it is about the programs of up and down, which are not run", Help: "Run the programs of up and down at restarts too."},
	{Name: "down-pre", Where: top, Status: Harmless, Reason: "ignored; it is about down's program, and none is run", Help: "Run the program of down before the adapter is down."},
	{Name: "keying-material-exporter", Usage: "label length", Where: top, Status: Harmless, Reason: "ignored; OpenVPN, too, hands this key material to plugins alone, and none of those that run here uses it", Help: "Make key material for plugins.", set: setKeyExporter},

	// Not yet.
	{Name: "up", Usage: "command", Where: top, Status: Planned, Reason: "addresses, routes and DNS need no program: if it sets nothing else, remove the line", Touches: TouchRuns, Help: "Run this program when the adapter is up."},
	{Name: "down", Usage: "command", Where: top, Status: Planned, Reason: "addresses, routes and DNS need no program: if it sets nothing else, remove the line", Touches: TouchRuns, Help: "Run this program when the adapter is down."},
	{Name: "route-up", Usage: "command", Where: top, Status: Planned, Reason: "addresses, routes and DNS need no program: if it sets nothing else, remove the line", Touches: TouchRuns, Help: "Run this program when routes are added."},
	{Name: "route-pre-down", Usage: "command", Where: top, Status: Planned, Reason: "addresses, routes and DNS need no program: if it sets nothing else, remove the line", Touches: TouchRuns, Help: "Run this program before routes are removed."},
	{Name: "ipchange", Usage: "command", Where: top, Status: Planned, Reason: "remove the line; the log says where the peer is", Touches: TouchRuns, Help: "Run this program when the other end's address is known."},
	{Name: "dns-updown", Usage: "command", Where: top, Role: RoleClient, Status: Planned, Reason: "DNS is set without a program: remove the line", Touches: TouchRuns, Help: "Run this program to set up DNS."},
	{Name: "plugin", Guards: true, Usage: "module [argument] ...", Where: top, Status: Planned, Reason: "plugins are never loaded, and skipping one that checks passwords would let anybody in; to check passwords, use auth-user-pass-verify", Touches: TouchRuns, Help: "Load this module, for authentication and the like."},
	{Name: "tls-export-cert", Usage: "dir", Where: top, Status: Planned, Reason: "remove the line; a tls-verify program finds the certificate's contents in its environment", Touches: TouchWrites, Help: "Write the other end's certificate to this directory, for programs."},
}
