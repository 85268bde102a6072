package config

// authRows are the directives about who may in, beside certificates.
var authRows = []Directive{
	// Both ends.
	{Name: "askpass", Usage: "[file]", Where: top, Help: "The private key's password: asked for, or the first line of a file.", set: setAskPass},
	{Name: "auth-nocache", Where: top, Help: "Forget passwords once they were used.", set: on(func(c *Config) *bool { return &c.Login.NoCache })},
	{Name: "pkcs12", Usage: "file", Where: top, Inline: true, Help: "Authority, certificate and key in one file; as a block, in base64.", set: file(func(c *Config) **File { return &c.Trust.PKCS12 })},
	{Name: "capath", Usage: "dir", Where: top, Help: "A directory of authorities (HASH.0) and revocation lists (HASH.r0).", set: text(func(c *Config) *string { return &c.Trust.CAPath })},
	{Name: "crl-verify", Usage: "file [dir]", Where: top, Inline: true, Help: "Revoked certificates: a list in PEM, or a directory with a file for each serial number. Read again when it changes.", set: setCRLVerify},
	{Name: "remote-cert-ku", Usage: "[usage] ...", Where: top, Help: "Demand a key usage of the peer's certificate.", set: setRemoteCertKU},
	{Name: "remote-cert-eku", Usage: "usage ...", Where: top, Help: "Demand an extended key usage of the peer's certificate.", set: setRemoteCertEKU},
	{Name: "ns-cert-type", Usage: "server|client", Where: top, Help: "The forerunner of remote-cert-tls.", set: setNsCertType},
	{Name: "tls-cert-profile", Usage: "legacy|preferred|insecure|suiteb", Where: top, Help: "Which algorithms certificates may use.", set: setCertProfile},
	{Name: "x509-username-field", Usage: "field ...", Where: top, Help: "The fields of a certificate that name its owner.", set: setUsernameField},
	{Name: "tls-verify", Usage: "command", Where: top, Touches: TouchRuns, Help: "A program that checks certificates.", set: command(func(c *Config) *[]string { return &c.Trust.TLSVerify })},
	{Name: "script-security", Usage: "level [method]", Where: top, Help: "Which programs may be run: 2 those of this configuration, 3 with passwords in their environment.", set: setScriptSecurity},
	{Name: "tmp-dir", Usage: "dir", Where: top, Help: "Where files for programs are written.", set: text(func(c *Config) *string { return &c.Process.TmpDir })},

	// Clients.
	{Name: "auth-user-pass", Usage: "[file|username-only]", Where: top, Role: RoleClient, Inline: true, Touches: TouchSends, Help: "Send a name and a password: asked for, or from a file of two lines.", set: setAuthUserPass},
	{Name: "auth-retry", Usage: "none|nointeract|interact", Where: top, Role: RoleClient, Help: "What to do when a password is refused.", set: setAuthRetry},
	{Name: "static-challenge", Usage: "text echo [format]", Where: top, Role: RoleClient, Help: "Ask for a one-time code.", set: setStaticChallenge},

	// Servers.
	{Name: "username-as-common-name", Where: top, Role: RoleServer, Help: "Know clients by their user names.", set: on(func(c *Config) *bool { return &c.Login.UsernameAsCommonName })},
	{Name: "auth-user-pass-verify", Usage: "command method", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "A program that checks passwords, via-file or via-env.", set: setAuthUserPassVerify},
	{Name: "auth-user-pass-optional", Where: top, Role: RoleServer, Help: "Let clients without a password come as far as that program.", set: on(func(c *Config) *bool { return &c.Login.UserPassOptional })},
	{Name: "auth-gen-token", Usage: "[lifetime] [renewal] [external-auth]", Where: top, Role: RoleServer, Help: "Give clients a token in place of their password.", set: setAuthGenToken},
	{Name: "auth-gen-token-secret", Usage: "file", Where: top, Role: RoleServer, Inline: true, Help: "The key of those tokens.", set: file(func(c *Config) **File { return &c.Login.GenTokenSecret })},
	{Name: "client-crresponse", Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "A program that takes a client's answer to a challenge.", set: command(func(c *Config) *[]string { return &c.Login.ClientCRResponse })},
	{Name: "tls-crypt-v2-verify", Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "A program that checks a client key's metadata.", set: command(func(c *Config) *[]string { return &c.Trust.TLSCryptV2Verify })},
	{Name: "tls-crypt-v2-max-age", Usage: "days", Where: top, Role: RoleServer, Help: "Refuse older client keys.", set: integer(1, 1<<20, func(c *Config) *int { return &c.Trust.TLSCryptV2MaxAge })},
}
