package config

// managementRows are the directives of PartManagement.
var managementRows = list{
	{Name: "management", Usage: "address port|unix [password-file]", Where: top, Status: Planned, Reason: "remove the line; culvert status, trace and push-update ask a running process", Touches: TouchWrites, Help: "Open the management interface."},
	{Name: "management-client", Where: top, Status: Planned, Reason: "remove the line", Help: "Connect to a management client."},
	{Name: "management-client-auth", Guards: true, Where: top, Role: RoleServer, Status: Planned, Reason: "skipping it would let anybody in; to check passwords, use auth-user-pass-verify", Help: "Let the management client check passwords."},
	{Name: "management-client-group", Usage: "group", Where: top, Status: Planned, Reason: "remove the line", Help: "Let this group use the management socket."},
	{Name: "management-client-user", Usage: "user", Where: top, Status: Planned, Reason: "remove the line", Help: "Let this user use the management socket."},
	{Name: "management-external-cert", Usage: "hint", Where: top, Status: Planned, Reason: "name a file with cert", Help: "Ask the management client for the certificate."},
	{Name: "management-external-key", Usage: "[format] ...", Where: top, Status: Planned, Reason: "name a file with key", Help: "Ask the management client for signatures."},
	{Name: "management-forget-disconnect", Where: top, Status: Planned, Reason: "remove the line; auth-nocache forgets passwords once they were used", Help: "Forget passwords when the management client leaves."},
	{Name: "management-hold", Where: top, Status: Planned, Reason: "remove the line; the process then starts at once", Help: "Wait for the management client before starting."},
	{Name: "management-log-cache", Usage: "n", Where: top, Status: Planned, Reason: "remove the line; log FILE keeps the log", Help: "Keep this many log lines for the management client."},
	{Name: "management-query-passwords", Where: top, Status: Planned, Reason: "remove the line; passwords are asked for on the terminal, or read from auth-user-pass FILE and askpass FILE", Help: "Ask the management client for passwords."},
	{Name: "management-query-proxy", Where: top, Status: Planned, Reason: "name the proxy with http-proxy or socks-proxy", Help: "Ask the management client for the proxy."},
	{Name: "management-query-remote", Where: top, Status: Planned, Reason: "name the server with remote", Help: "Ask the management client for the server."},
	{Name: "management-signal", Where: top, Status: Planned, Reason: "remove the line", Help: "Stop when the management client leaves."},
	{Name: "management-up-down", Where: top, Status: Planned, Reason: "remove the line", Help: "Tell the management client of up and down."},
	{Name: "management-client-pf", Guards: true, Where: top, Role: RoleServer, Status: Refused, Reason: "was removed in OpenVPN 2.6; filter packets in the firewall", Help: "Let the management client filter packets; removed in OpenVPN 2.6."},
}
