package config

// managementRows are the directives of PartManagement.
var managementRows = list{
	{Name: "management", Usage: "address port|unix [password-file]", Where: top, Reload: ReloadStart, Touches: TouchWrites, Help: "Open the management interface; anybody who reaches it steers this process, so name a password file or a protected socket.", set: setManagement},
	{Name: "management-client", Where: top, Reload: ReloadStart, Help: "Connect to a management client, and end with the connection.", set: managed(func(m *Management) *bool { return &m.Client })},
	{Name: "management-client-auth", Guards: true, Where: top, Role: RoleServer, Reload: ReloadStart, Help: "Let management readers decide which clients come in.", set: managed(func(m *Management) *bool { return &m.ClientAuth })},
	{Name: "management-client-group", Usage: "group", Where: top, Reload: ReloadStart, Help: "Let only programs of this group use the management socket.", set: text(func(c *Config) *string { return &c.Management.ClientGroup })},
	{Name: "management-client-user", Usage: "user", Where: top, Reload: ReloadStart, Help: "Let only programs of this user use the management socket.", set: text(func(c *Config) *string { return &c.Management.ClientUser })},
	{Name: "management-external-cert", Usage: "hint", Where: top, Role: RoleClient, Help: "Ask management readers for the certificate, by this hint.", set: text(func(c *Config) *string { return &c.Management.ExternalCert })},
	{Name: "management-external-key", Usage: "[nopadding|pkcs1|pss|digest] ...", Where: top, Role: RoleClient, Help: "Ask management readers for signatures; the words say which paddings they can do.", set: setExternalKey},
	{Name: "management-forget-disconnect", Where: top, Reload: ReloadStart, Help: "Forget passwords when the last management reader leaves.", set: managed(func(m *Management) *bool { return &m.ForgetDisconnect })},
	{Name: "management-hold", Where: top, Reload: ReloadStart, Help: "Wait for a management reader before starting.", set: managed(func(m *Management) *bool { return &m.Hold })},
	{Name: "management-log-cache", Usage: "n", Where: top, Reload: ReloadStart, Help: "Keep this many lines of the log for management readers.", set: setLogCache},
	{Name: "management-query-passwords", Where: top, Help: "Ask management readers for passwords, never on the terminal.", set: managed(func(m *Management) *bool { return &m.QueryPasswords })},
	{Name: "management-query-proxy", Where: top, Role: RoleClient, Help: "Ask management readers for the proxy of each connection.", set: managed(func(m *Management) *bool { return &m.QueryProxy })},
	{Name: "management-query-remote", Where: top, Role: RoleClient, Help: "Ask management readers for the server of each connection.", set: managed(func(m *Management) *bool { return &m.QueryRemote })},
	{Name: "management-signal", Where: top, Reload: ReloadStart, Help: "Connect anew when the last management reader leaves.", set: managed(func(m *Management) *bool { return &m.Signal })},
	{Name: "management-up-down", Where: top, Reload: ReloadStart, Help: "Tell management readers of up and down.", set: managed(func(m *Management) *bool { return &m.UpDown })},
	{Name: "management-client-pf", Guards: true, Where: top, Role: RoleServer, Status: Refused, Reason: "was removed in OpenVPN 2.6; filter packets in the firewall", Help: "Let the management client filter packets; removed in OpenVPN 2.6."},
}
