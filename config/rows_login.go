package config

// loginRows are the directives of PartLogin.
var loginRows = list{
	{Name: "auth-user-pass", conceal: concealBlock, Usage: "[file|username-only]", Where: top, Role: RoleClient, Inline: true, Touches: TouchSends, Help: "Send a user name and a password: asked for, or the two lines of this file.", set: setAuthUserPass},
	{Name: "auth-retry", Usage: "none|nointeract|interact", Where: top, Role: RoleClient, Default: "none", Help: "Say what to do when the password is refused: give up, try again, or ask again.", set: setAuthRetry},
	{Name: "auth-nocache", Where: top, Help: "Forget passwords once they were used.", set: on(func(c *Config) *bool { return &c.Login.NoCache })},
	{Name: "static-challenge", conceal: concealAll, Usage: "text echo [format]", Where: top, Role: RoleClient, Help: "Ask for a one-time code beside the password.", set: setStaticChallenge},
	{Name: "auth-user-pass-verify", conceal: concealCommand, Usage: "command method", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Have this program check passwords, which it gets via-file or via-env.", set: setAuthUserPassVerify},
	{Name: "auth-user-pass-optional", Where: top, Role: RoleServer, Help: "Let clients without a password in as far as auth-user-pass-verify.", set: on(func(c *Config) *bool { return &c.Login.UserPassOptional })},
	{Name: "username-as-common-name", Where: top, Role: RoleServer, Help: "Know clients by their user names.", set: on(func(c *Config) *bool { return &c.Login.UsernameAsCommonName })},
	{Name: "auth-gen-token", Usage: "[lifetime] [renewal] [external-auth]", Where: top, Role: RoleServer, Help: "Give clients a token in place of their password.", set: setAuthGenToken},
	{Name: "auth-gen-token-secret", conceal: concealBlock, Usage: "file", Where: top, Role: RoleServer, Inline: true, Help: "Make tokens with the key in this file.", set: file(func(c *Config) **File { return &c.Login.GenTokenSecret })},
	{Name: "client-crresponse", conceal: concealCommand, Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Hand a client's answer to a challenge to this program.", set: command(func(c *Config) *[]string { return &c.Login.ClientCRResponse })},

	// Read by the session's negotiation.
	{Name: "auth-token", conceal: concealAll, Usage: "token", Where: pull, Status: Negotiated, Help: "The token to use in place of the password."},
	{Name: "auth-token-user", Usage: "name", Where: pull, Status: Negotiated, Help: "The user name that goes with the token."},

	// Refused.
	{Name: "auth-federate", conceal: concealAll, Usage: "[argument] ...", Where: top, Role: RoleClient, Status: Refused, Reason: "this profile signs on by SAML, which only the AWS client does: ask for a profile with certificates", Help: "Sign on by SAML; from the AWS client."},
}
