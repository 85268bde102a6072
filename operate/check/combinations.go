package check

import (
	"slices"
	"strings"

	"culvert/access/pki"
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
	if critic(s).takesAnyServer() {
		all = append(all, stockLine{0, by{Warns, Warns, Warns}, "nothing checks the server's certificate beyond its authority", tried})
	}
	if s.ownEnded() {
		add("cert", by{Warns, Warns, Warns}, "has ended")
	}
	if c.Link.HTTPProxy != nil && slices.ContainsFunc(c.Link.Remotes, func(r config.Remote) bool { return !r.Proto.TCP }) {
		add("http-proxy", always, "wants TCP")
	}
	return all
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

// ownEnded reports whether this side's certificate has ended.
func (s stockView) ownEnded() bool {
	if s.config.Trust.Cert == nil {
		return false
	}
	certs, _, err := pki.ParseAuthorities(s.config.Trust.Cert.Text)
	return err == nil && s.now.After(certs[0].NotAfter)
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

func printableName(l config.Line) string {
	name := printable.Name(l.Name)
	if len(l.Args) > 0 && factOf(l, "") != nil && factOf(l, "").args != nil {
		name += " " + printable.Name(strings.Join(l.Args, " "))
	}
	return name
}
