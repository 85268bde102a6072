package config

// programsRows are the directives of PartPrograms.
var programsRows = list{
	{Name: "script-security", Usage: "level [method]", Where: top, Default: "1", Help: "Say which programs may be run: 2 those named here, 3 also with passwords in their environment.", set: setScriptSecurity},
	{Name: "tmp-dir", Usage: "dir", Where: top, Help: "Write files for programs to this directory.", set: text(func(c *Config) *string { return &c.Process.TmpDir })},
	{Name: "setenv", conceal: concealRest, spare: true, Adds: true, Usage: "name [value] ...", Where: pull, Help: "Set a variable for programs; with push-peer-info, UV_ names go to the server; setenv opt marks a directive as optional.", set: setSetenv},
	{Name: "setenv-safe", conceal: concealRest, Adds: true, Usage: "name [value]", Where: pull, Help: "Set a variable whose name is made to begin with OPENVPN_.", set: setSetenvSafe},
	{Name: "echo", Adds: true, Usage: "[text] ...", Where: pull, Help: "Write this message to the log.", set: setEcho},
	{Name: "tls-export-cert", Usage: "dir", Where: top, Touches: TouchWrites, Help: "Write each certificate to a file in this directory for tls-verify's program, which finds it by peer_cert.", set: text(func(c *Config) *string { return &c.Trust.ExportCert })},
	{Name: "x509-track", Adds: true, Usage: "attribute", Where: top, Help: "Tell programs this attribute of certificates, with a + those of the authorities too; without the line, all of the subject.", set: setX509Track},
	{Name: "client-connect", conceal: concealCommand, Guards: true, Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Run this program when a client connects; it may refuse it, and write lines of a client-config-dir file for it.", set: command(func(c *Config) *[]string { return &c.Server.ClientConnect })},
	{Name: "client-disconnect", conceal: concealCommand, Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Run this program when a client disconnects.", set: command(func(c *Config) *[]string { return &c.Server.ClientDisconnect })},
	{Name: "learn-address", conceal: concealCommand, Guards: true, Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Run this program when an address or network begins or ceases to lead to a client; it may refuse.", set: command(func(c *Config) *[]string { return &c.Server.LearnAddress })},
	{Name: "up", conceal: concealCommand, Usage: "command", Where: top, Touches: TouchRuns, Help: "Run this program when the adapter is up, before routes are added.", set: hook(func(h *Hooks) *[]string { return &h.Up })},
	{Name: "down", conceal: concealCommand, Usage: "command", Where: top, Touches: TouchRuns, Help: "Run this program when the adapter is down.", set: hook(func(h *Hooks) *[]string { return &h.Down })},
	{Name: "down-pre", Where: top, Help: "Run the program of down before the adapter is closed, not after.", set: on(func(c *Config) *bool { return &c.Hooks.DownPre })},
	{Name: "up-delay", Where: top, Help: "Run the program of up, and add routes, only when the other end answers.", set: on(func(c *Config) *bool { return &c.Hooks.UpDelay })},
	{Name: "up-restart", Where: top, Help: "Run the programs of up and down when the connection is made anew, too.", set: on(func(c *Config) *bool { return &c.Hooks.UpRestart })},
	{Name: "route-up", conceal: concealCommand, Usage: "command", Where: top, Touches: TouchRuns, Help: "Run this program when routes are added.", set: hook(func(h *Hooks) *[]string { return &h.RouteUp })},
	{Name: "route-pre-down", conceal: concealCommand, Usage: "command", Where: top, Touches: TouchRuns, Help: "Run this program before routes are removed.", set: hook(func(h *Hooks) *[]string { return &h.RoutePreDown })},
	{Name: "ipchange", conceal: concealCommand, Usage: "command", Where: top, Touches: TouchRuns, Help: "Run this program when the other end's address is known, or another.", set: hook(func(h *Hooks) *[]string { return &h.IPChange })},
	{Name: "dns-updown", conceal: concealCommand, Usage: "command|force|disable", Where: top, Role: RoleClient, Touches: TouchRuns, Help: "Have this program set up DNS; disable leaves DNS alone.", set: setDNSUpdown},
	{Name: "plugin", conceal: concealRest, Adds: true, Guards: true, Usage: "module [argument] ...", Where: top, Touches: TouchRuns, Help: "Do what a module does: auth-pam and auth-ldap check clients' logins, down-root runs a command as root at the end.", set: setPlugin},

	// Accepted, and nothing to do.
	{Name: "parameter", conceal: concealAll, Adds: true, Usage: "[text] ...", Where: pull, Status: Harmless, Help: "Pass this message to a program that reads the log."},
	{Name: "keying-material-exporter", Usage: "label length", Where: top, Status: Harmless, Reason: "ignored; OpenVPN, too, hands this key material to plugins alone, and none of those that run here uses it", Help: "Make key material for plugins.", set: setKeyExporter},
}
