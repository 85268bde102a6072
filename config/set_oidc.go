package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"culvert/internal/domain"
)

// setOIDCIssuer takes the provider's URL as it is written: the provider names itself by
// the very same in its tokens.
func setOIDCIssuer(b *builder, d *call) error {
	const form = "the provider's URL, such as https://sso.example.org/realms/staff, as it names itself in its description"
	at, https := strings.CutPrefix(d.args[0], "https://")
	if !https {
		at, _ = strings.CutPrefix(d.args[0], "http://")
	}
	place, _, _ := strings.Cut(at, "/")
	host, port, given := splitPort(place)
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case at == d.args[0] && !https, !domain.Valid(host) && !isAddress(host), given && (err != nil || n == 0), strings.ContainsAny(at, "?#@ "):
		return d.expected(d.args[0], form)
	case !https && !isOwn(host):
		return d.fault(d.args[0], "others on the way could answer in the provider's place", "write "+form)
	}
	b.Login.OIDC.Issuer = d.args[0]
	return nil
}

// isOwn reports whether a host of an URL is this very machine.
func isOwn(host string) bool {
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

func setOIDCClient(b *builder, d *call) error {
	if d.args[0] == "" {
		return d.expected("", "the ID that the provider has given to this server")
	}
	b.Login.OIDC.Client, b.Login.OIDC.Secret = d.args[0], nil
	if len(d.args) > 1 {
		if d.args[1] == "" {
			return d.expected("", "the name of a file with the secret")
		}
		b.Login.OIDC.Secret = &File{Name: d.args[1], Pos: d.Pos}
	}
	return nil
}

// setOIDCScope adds openid, without which a provider says nothing of who signs in.
func setOIDCScope(b *builder, d *call) error {
	var all []string
	for _, word := range d.args {
		all = append(all, strings.Fields(word)...)
	}
	if len(all) == 0 {
		return d.expected("", "scopes, such as: openid profile email")
	}
	if !slices.Contains(all, "openid") {
		all = append([]string{"openid"}, all...)
	}
	b.Login.OIDC.Scopes = all
	return nil
}

func setOIDCUser(b *builder, d *call) error {
	if d.args[0] == "" {
		return d.expected("", "a claim, such as preferred_username or email")
	}
	of := ""
	if len(d.args) > 1 {
		of = strings.ToLower(d.args[1])
		if !domain.Valid(of) {
			return d.expected(d.args[1], "a domain, such as example.org")
		}
	}
	b.Login.OIDC.UserClaim, b.Login.OIDC.UserDomain = d.args[0], of
	return nil
}

func setOIDCAdmit(b *builder, d *call) error {
	o := &b.Login.OIDC
	if slices.Contains(d.args, "") {
		return d.expected("", "any, or names of groups of the provider")
	}
	if o.AdmitAny, o.Admit = slices.Contains(d.args, "any"), nil; !o.AdmitAny {
		o.Admit = slices.Clone(d.args)
		return nil
	}
	if len(d.args) > 1 {
		return d.fault("any", "it stands with names of groups, which it makes meaningless", "write any alone, or the groups alone")
	}
	return nil
}

// checkOIDC wants all that signing in by a browser needs.
func checkOIDC(c check) {
	o := &c.Login.OIDC
	if o.Issuer == "" {
		for _, name := range []string{"oidc-client", "oidc-groups", "oidc-admit"} {
			if c.has(name) {
				c.problem(name, "no provider is named where people sign in", "add the line: oidc-issuer URL")
				return
			}
		}
		return
	}
	switch {
	case o.Client == "":
		c.problem("oidc-issuer", "the provider has to know this server", "register it there, and add the line: oidc-client ID SECRET-FILE")
	case !c.Server.Web.Yes():
		c.problem("oidc-issuer", "people open a page of this server to sign in, and it has none", "add the lines: web-listen *:8443 and web-url https://NAME:8443, with its public name")
	case o.Secret != nil && len(strings.TrimSpace(string(o.Secret.Text))) == 0:
		c.problem("oidc-client", "the file "+o.Secret.Name+" has no secret in it", "write the secret that the provider has given to this server into its first line")
	case len(o.Admit) > 0 && o.GroupsClaim == "":
		c.problem("oidc-admit", "groups of the provider are not asked for", "add the line: oidc-groups CLAIM, most often oidc-groups groups; or write oidc-admit any")
	}
}
