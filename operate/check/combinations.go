package check

import (
	"slices"
	"strings"

	"culvert/config"
	"culvert/internal/printable"
)

// combinations returns lines that stock minds beside others, or without them.
func (s stockView) combinations() (all []stockLine) {
	always := by{Fatal, Fatal, Fatal}
	add := func(name string, made by, text string) {
		if l := s.first(name); l != nil {
			all = append(all, stockLine{l.Pos.Line, made, name + " " + text, tried})
		}
	}
	if s.isServer() {
		all = append(all, s.serverCombinations()...)
	} else if s.role() == "client" && !s.has("remote") {
		add("nobind", always, "makes no sense without remote")
		add("client", by{Accepts, Fatal, Fatal}, "makes no sense without remote")
	}
	if !s.has("dev") {
		all = append(all, stockLine{0, by{Fatal, Fatal, Accepts}, "there is no dev, which is tun since 2.7", tried})
	}
	if s.config.TLSServer && !s.has("dh") {
		all = append(all, stockLine{0, by{Fatal, Fatal, Accepts}, "there is no dh, which is none since 2.7", tried})
	}
	for _, name := range []string{"ping", "ping-restart", "ping-exit"} {
		if s.has("keepalive") && s.valueOf(name) != "0" {
			add(name, always, "conflicts with keepalive")
		}
	}
	c := s.config
	if c.Process.User != "" || c.Process.Group != "" || c.Process.Chroot != "" {
		all = append(all, s.persisting()...)
	}
	static := by{Accepts, Warns, Fatal}
	if s.has("allow-deprecated-insecure-static-crypto") || s.hasOptional("allow-deprecated-insecure-static-crypto") {
		static[2] = Warns
	}
	add("secret", static, "is deprecated; 2.7 wants allow-deprecated-insecure-static-crypto beside it")
	if c.Trust.Secret != nil {
		add(s.staticCipher())
	}
	if critic(s).takesAnyServer() {
		all = append(all, stockLine{0, by{Warns, Warns, Warns}, "nothing checks the server's certificate beyond its authority", tried})
	}
	if c.Link.HTTPProxy != nil && slices.ContainsFunc(c.Link.Remotes, func(r config.Remote) bool { return !r.Proto.TCP }) {
		add("http-proxy", always, "wants TCP")
	}
	if s.role() == "client" && slices.ContainsFunc(c.Link.Remotes, func(r config.Remote) bool { return !r.Proto.TCP && r.Proto.Family == 0 }) {
		add("socks-proxy", by{Accepts, Warns, Warns}, "over UDP works with IPv4 alone")
	}
	return all
}

// staticCipher is what the versions make of the cipher beside a static key.
func (s stockView) staticCipher() (name string, made by, text string) {
	cipher := strings.ToUpper(s.valueOf("cipher"))
	switch {
	case strings.HasSuffix(cipher, "-GCM") || strings.HasSuffix(cipher, "POLY1305"):
		return "cipher", fatal, "does not go with a static key, which wants one in CBC mode"
	case cipher == "":
		return "secret", by{Warns, Fatal, Fatal}, "without cipher means BF-CBC, which OpenSSL 3 does not have"
	}
	return "secret", accepted, ""
}

// serverCombinations is combinations for a server.
func (s stockView) serverCombinations() (all []stockLine) {
	always := by{Fatal, Fatal, Fatal}
	c := s.config
	add := func(name string, made by, text string) {
		if l := s.first(name); l != nil {
			all = append(all, stockLine{l.Pos.Line, made, name + " " + text, tried})
		}
	}
	if !s.has("remote") {
		add("nobind", always, "makes no sense without remote")
	}
	add("remote", always, "cannot stand beside mode server")
	add("client", always, "cannot stand beside server")
	if s.valueOf("verify-client-cert") != "require" {
		made, text := by{Warns, Warns, Warns}, "may let in clients without a certificate"
		if !checksPasswords(s) {
			made, text = always, "wants a script, a plugin or management that checks passwords"
		}
		add("verify-client-cert", made, text)
	}
	if c.Server.DuplicateCN {
		add("ifconfig-pool-persist", by{Warns, Warns, Warns}, "does not work with duplicate-cn")
	}
	if c.Link.Proto.TCP {
		add("explicit-exit-notify", by{Fatal, Warns, Warns}, "is for UDP")
	}
	if !s.has("keepalive") && !s.has("ping") {
		all = append(all, stockLine{0, by{Warns, Warns, Warns}, "keepalive is missing", tried})
	}
	if c.Adapter.DevType == config.DevTun && !s.has("topology") && c.Server.Network.IsValid() {
		add("server", by{Accepts, Warns, Accepts}, "without topology means net30, which will be removed")
	}
	return all
}

// hasOptional reports whether a directive is given behind `setenv opt`.
func (s stockView) hasOptional(name string) bool {
	return slices.ContainsFunc(s.lines, func(l config.Line) bool {
		inner, ok := optional(l)
		return ok && inner.Name == name
	})
}

// persisting says what a process that gives up its rights lacks for a restart.
func (s stockView) persisting() (all []stockLine) {
	l := s.anyOf("user", "group", "chroot")
	if l == nil {
		return nil
	}
	if !s.has("persist-tun") {
		all = append(all, stockLine{l.Pos.Line, by{Warns, Warns, Warns}, l.Name + " without persist-tun", tried})
	}
	if !s.has("persist-key") {
		all = append(all, stockLine{l.Pos.Line, by{Warns, Warns, Accepts}, l.Name + " without persist-key", tried})
	}
	return all
}

// valueOf is the first value of the first line with a directive.
func (s stockView) valueOf(name string) string {
	if l := s.first(name); l != nil && len(l.Args) > 0 {
		return l.Args[0]
	}
	return ""
}

// named is a line's name, with its values where the versions mind these.
func (s stockView) named(l config.Line) string {
	name := printable.Name(veil{subject: s.subject}.veiled(l).Name)
	if len(l.Args) > 0 && factOf(l, "") != nil && factOf(l, "").args != nil {
		name += " " + printable.Name(strings.Join(veil{subject: s.subject}.veiled(l).Args, " "))
	}
	return name
}
