package config

// sourcesRows are the directives of Sources.
var sourcesRows = list{
	{Name: "sign-in-ldap", Usage: "file", Where: top, Role: RoleServer, Guards: true, Adds: true, Help: "Check user names and passwords by LDAP, as this configuration file says, which is one of the plugin auth-ldap.", set: setSignInLDAP},
	{Name: "sign-in-radius", Usage: "host[:port] secret-file", Where: top, Role: RoleServer, Guards: true, Adds: true, Help: "Check user names and passwords by RADIUS, with the secret in this file; more lines name servers for when this one is silent.", set: setSignInRADIUS},
	{Name: "sign-in-radius-name", Usage: "name", Where: top, Role: RoleServer, Help: "Tell RADIUS servers this NAS-Identifier in place of the host's name.", set: setSignInRADIUSName},
	{Name: "sign-in-pam", conceal: concealRest, Usage: "service [prompt] ...", Where: top, Role: RoleServer, Guards: true, Adds: true, Help: "Check user names and passwords by this service of PAM; prompts are pairs, as behind the plugin auth-pam.", set: setSignInPAM},
}
