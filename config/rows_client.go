package config

// perClientRows are the directives of PartPerClient.
var perClientRows = list{
	{Name: "ifconfig-push", Usage: "local remote-or-netmask [alias]", Where: InCCD, Role: RoleServer, Help: "Give this client this address.", set: setIfconfigPush},
	{Name: "ifconfig-ipv6-push", Usage: "address/bits [remote]", Where: InCCD, Role: RoleServer, Help: "Give this client this IPv6 address.", set: setIfconfigIPv6Push},
	{Name: "iroute", Adds: true, Usage: "network [netmask]", Where: InCCD, Role: RoleServer, Help: "Say that this network is behind this client.", set: setIRoute},
	{Name: "iroute-ipv6", Adds: true, Usage: "network/bits", Where: InCCD, Role: RoleServer, Help: "Say that this IPv6 network is behind this client.", set: setIRouteIPv6},
	{Name: "push-reset", Where: InCCD, Role: RoleServer, Help: "Push none of the server's options to this client.", set: setPushReset},
	{Name: "push-remove", Adds: true, Usage: "text", Where: InCCD, Role: RoleServer, Help: "Do not push options that contain this text to this client.", set: setPushRemove},
	{Name: "disable", Where: InCCD, Role: RoleServer, Help: "Refuse this client.", set: setDisable},
	{Name: "override-username", Usage: "name", Where: InCCD, Role: RoleServer, Help: "Know this client's user by another name from here on: in the status, and for tokens.", set: setOverrideUsername},
}
