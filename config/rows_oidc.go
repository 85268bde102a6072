package config

// oidcRows are those of PartLogin about OpenID Connect, which OpenVPN has none of.
var oidcRows = list{
	{Name: "oidc-issuer", Usage: "url", Where: top, Role: RoleServer, Help: "Have people sign in by a browser at this provider of OpenID Connect (docs/signin.md; not in OpenVPN).", set: setOIDCIssuer},
	{Name: "oidc-client", Usage: "id [secret-file]", Where: top, Role: RoleServer, Help: "Be known to the provider by this ID and the secret in this file (not in OpenVPN).", set: setOIDCClient},
	{Name: "oidc-scope", Usage: "scope ...", Where: top, Role: RoleServer, Default: "openid profile email", Help: "Ask the provider for these scopes (not in OpenVPN).", set: setOIDCScope},
	{Name: "oidc-user", Usage: "claim [domain]", Where: top, Role: RoleServer, Default: "preferred_username", Help: "Know people by the name in this claim; or by the part before the @, where it is an address of this domain (not in OpenVPN).", set: setOIDCUser},
	{Name: "oidc-groups", Usage: "claim", Where: top, Role: RoleServer, Help: "Take people's groups from this claim (not in OpenVPN).", set: text(func(c *Config) *string { return &c.Login.OIDC.GroupsClaim })},
	{Name: "oidc-admit", Guards: true, Usage: "any|group ...", Where: top, Role: RoleServer, Help: "Let in people whom this server does not know: all, or those of these groups of the provider (not in OpenVPN).", set: setOIDCAdmit},
}
