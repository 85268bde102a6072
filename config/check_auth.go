package config

import "fmt"

// auth checks that the directives about who may connect make sense together.
func (c check) auth() {
	c.scripts()
	if c.isServer() {
		c.serverAuth()
	} else if len(c.Login.Plugins) > 0 {
		c.fail(&Error{c.Login.Plugins[0].Pos, "plugin", "", "it checks the logins of clients, and only a server has any", "remove the line, or write it into the server's configuration"})
	}
	if c.Login.UsernameOnly && c.Login.StaticChallenge != nil {
		c.problem("static-challenge", "needs a password, and auth-user-pass username-only asks for none", "remove one of the two")
	}
	if c.Login.GenToken != nil && c.Login.GenToken.Renewal == 0 {
		c.Login.GenToken.Renewal = c.Timers.RenegSec
	}
}

// scripts warns of programs that script-security does not allow. As with OpenVPN, the
// process starts, and each run fails: whoever the program should decide about is refused.
func (c check) scripts() {
	for _, p := range c.commands() {
		if !c.isServer() && p.server {
			continue
		}
		forbidden := c.Process.Forbidden()
		switch {
		case forbidden == "":
		case p.name == "client-disconnect":
			c.notRun(p.name, func(c *Config) *[]string { return &c.Server.ClientDisconnect })
			continue
		default:
			untouchAll(c.Config, p.name)
			c.note(c.at(p.name), p.name+": not run, which counts as its refusal: "+forbidden)
			continue
		}
		if p.name == "auth-user-pass-verify" && c.Login.ViaEnv && !c.Process.PasswordsInEnv() {
			c.note(c.at(p.name), fmt.Sprintf("%s: script-security %d keeps the password from the program, which gets the user name alone; write via-file, or add the line: script-security 3", p.name, c.Process.ScriptSecurity))
		}
	}
}

func (c check) serverAuth() {
	program := c.Login.UserPassVerify != nil
	checked := program || c.Management.ClientAuth || len(c.Login.Plugins) > 0 || c.Sources.Any() || c.Login.OIDC.Issuer != ""
	checkOIDC(c)
	if c.Trust.VerifyClientCert != ClientCertRequire && !checked {
		name := "verify-client-cert"
		if !c.has(name) {
			name = "client-cert-not-required"
		}
		c.problem(name, "without client certificates and passwords anybody could connect", "remove the line, or check passwords by auth-user-pass-verify")
	}
	if c.Login.GenToken != nil && !checked {
		c.note(c.at("auth-gen-token"), "auth-gen-token: for users of the server's own directory alone (culvert user add), since nothing else has passwords checked; to check them, add the line: auth-user-pass-verify PROGRAM via-file")
	}
	if c.has("client-crresponse") && !program {
		c.note(c.at("client-crresponse"), "client-crresponse: not run, since no program checks passwords; add the line: auth-user-pass-verify PROGRAM via-file")
		c.Login.ClientCRResponse = nil
		untouchAll(c.Config, "client-crresponse")
	}
	for _, name := range []string{"username-as-common-name", "auth-user-pass-optional"} {
		if c.has(name) && !checked {
			c.problem(name, "needs a program that checks passwords", "add the line: auth-user-pass-verify PROGRAM via-file")
		}
	}
	if c.has("auth-gen-token-secret") && !c.has("auth-gen-token") {
		c.note(c.at("auth-gen-token-secret"), "auth-gen-token-secret: not used without auth-gen-token")
	}
}
