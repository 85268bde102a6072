package config

// managementRows are the directives of PartManagement.
var managementRows = list{
	{Name: "management", Usage: "address port|unix [password-file]", Where: top, Reload: ReloadStart, Touches: TouchWrites, Help: "Open the management interface; anybody who reaches it steers this process, so name a password file or a protected socket.", set: setManagement},
	{Name: "management-client", Where: top, Reload: ReloadStart, Help: "Connect to a management client, and end with the connection.", set: managed(func(m *Management) *bool { return &m.Client })},
	{Name: "management-client-auth", Guards: true, Where: top, Role: RoleServer, Status: Planned, Reason: "skipping it would let anybody in; to check passwords, use auth-user-pass-verify", Help: "Let management readers decide which clients come in."},
	{Name: "management-client-group", Usage: "group", Where: top, Reload: ReloadStart, Help: "Let only programs of this group use the management socket.", set: text(func(c *Config) *string { return &c.Management.ClientGroup })},
	{Name: "management-client-user", Usage: "user", Where: top, Reload: ReloadStart, Help: "Let only programs of this user use the management socket.", set: text(func(c *Config) *string { return &c.Management.ClientUser })},
	{Name: "management-external-cert", Usage: "hint", Where: top, Status: Planned, Reason: "name a file with cert", Help: "Ask the management client for the certificate."},
	{Name: "management-external-key", Usage: "[format] ...", Where: top, Status: Planned, Reason: "name a file with key", Help: "Ask the management client for signatures."},
	{Name: "management-forget-disconnect", Where: top, Reload: ReloadStart, Help: "Forget passwords when the last management reader leaves.", set: managed(func(m *Management) *bool { return &m.ForgetDisconnect })},
	{Name: "management-hold", Where: top, Reload: ReloadStart, Help: "Wait for a management reader before starting.", set: managed(func(m *Management) *bool { return &m.Hold })},
	{Name: "management-log-cache", Usage: "n", Where: top, Reload: ReloadStart, Help: "Keep this many lines of the log for management readers.", set: setLogCache},
	{Name: "management-query-passwords", Where: top, Status: Planned, Reason: "remove the line; passwords are asked for on the terminal, or read from auth-user-pass FILE and askpass FILE", Help: "Ask the management client for passwords."},
	{Name: "management-query-proxy", Where: top, Status: Planned, Reason: "name the proxy with http-proxy or socks-proxy", Help: "Ask the management client for the proxy."},
	{Name: "management-query-remote", Where: top, Status: Planned, Reason: "name the server with remote", Help: "Ask the management client for the server."},
	{Name: "management-signal", Where: top, Reload: ReloadStart, Help: "Connect anew when the last management reader leaves.", set: managed(func(m *Management) *bool { return &m.Signal })},
	{Name: "management-up-down", Where: top, Status: Planned, Reason: "remove the line", Help: "Tell management readers of up and down."},
	{Name: "management-client-pf", Guards: true, Where: top, Role: RoleServer, Status: Refused, Reason: "was removed in OpenVPN 2.6; filter packets in the firewall", Help: "Let the management client filter packets; removed in OpenVPN 2.6."},
}
