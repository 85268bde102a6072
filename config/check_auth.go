package config

import "strconv"

// checkAuth looks whether the directives about who may in make sense together.
func (b *builder) checkAuth() {
	b.checkScripts()
	b.checkTracked()
	if b.isServer() {
		b.checkServerAuth()
	}
	if b.Login.UsernameOnly && b.Login.StaticChallenge != nil {
		b.problem("static-challenge", "has no password to go with, because of auth-user-pass username-only", "remove one of the two")
	}
	if b.Login.GenToken != nil && b.Login.GenToken.Renewal == 0 {
		b.Login.GenToken.Renewal = b.Timers.RenegSec
	}
}

// checkScripts refuses programs that script-security keeps from running, since
// what they should check would go unchecked or fail for everybody.
func (b *builder) checkScripts() {
	for _, s := range []struct {
		name    string
		command []string
		level   int
	}{
		{"tls-verify", b.Trust.TLSVerify, 2},
		{"client-crresponse", b.Login.ClientCRResponse, 2},
		{"tls-crypt-v2-verify", b.Trust.TLSCryptV2Verify, 2},
		{"auth-user-pass-verify", b.Login.UserPassVerify, 2},
	} {
		if s.name == "auth-user-pass-verify" && b.Login.ViaEnv {
			s.level = 3
		}
		if s.command == nil || b.Process.ScriptSecurity >= s.level || !b.isServer() && s.name != "tls-verify" {
			continue
		}
		reason := "no program may be run"
		mend := "add the line: script-security 2"
		if s.level == 3 {
			reason, mend = "no password may be passed in the environment", "write via-file, or add the line: script-security 3"
		}
		b.problem(s.name, reason+" because of script-security "+strconv.Itoa(b.Process.ScriptSecurity), mend)
	}
}

// checkTracked is about variables that programs do not find. Without programs
// nobody misses them.
func (b *builder) checkTracked() {
	const name = "x509-track"
	switch {
	case !b.has(name):
	case len(b.Programs()) > 0:
		b.problem(name, "not supported yet, and "+b.Programs()[0]+" may want its variables", "if the program has enough in tls_id_0, tls_digest_sha256_0, X509_0_CN and the like, remove the line")
	default:
		b.note(b.at(name), name+": ignored; it is for programs, and none is run")
	}
}

func (b *builder) checkServerAuth() {
	checked := b.Login.UserPassVerify != nil
	if b.Trust.VerifyClientCert != ClientCertRequire && !checked {
		name := "verify-client-cert"
		if !b.has(name) {
			name = "client-cert-not-required"
		}
		b.problem(name, "without client certificates and passwords anybody could connect", "remove the line, or check passwords by auth-user-pass-verify")
	}
	if b.Login.GenToken != nil && !checked {
		b.note(b.at("auth-gen-token"), "auth-gen-token: not used, since no passwords are checked that a token could take the place of; for that, add the line: auth-user-pass-verify PROGRAM via-file")
		b.Login.GenToken = nil
	}
	for _, name := range []string{"username-as-common-name", "auth-user-pass-optional", "client-crresponse"} {
		if b.has(name) && !checked {
			b.problem(name, "needs passwords that are checked", "add the line: auth-user-pass-verify PROGRAM via-file")
		}
	}
	if b.has("auth-gen-token-secret") && !b.has("auth-gen-token") {
		b.note(b.at("auth-gen-token-secret"), "auth-gen-token-secret: not used without auth-gen-token")
	}
}
