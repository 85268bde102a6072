package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

func setSignInLDAP(b *builder, d *call) error {
	if d.args[0] == "" {
		return d.expected("", "the name of a file")
	}
	b.Sources.Asked = append(b.Sources.Asked, SignInSource{Pos: d.Pos, LDAP: &File{Name: d.args[0], Pos: d.Pos}})
	return nil
}

const radiusPort = "1812" // RFC 2865, 3

// setSignInRADIUS adds a server to the source that the first such line made.
func setSignInRADIUS(b *builder, d *call) error {
	address, ok := hostPort(d.args[0], radiusPort)
	switch {
	case !ok:
		return d.expected(d.args[0], "a host, or host:port, such as radius.example.org or [fd00::1]:1812")
	case d.args[1] == "":
		return d.expected("", "the name of the file that has the secret")
	}
	server := RADIUSServer{address, &File{Name: d.args[1], Pos: d.Pos}}
	i := slices.IndexFunc(b.Sources.Asked, func(s SignInSource) bool { return len(s.RADIUS) > 0 })
	if i < 0 {
		b.Sources.Asked = append(b.Sources.Asked, SignInSource{Pos: d.Pos, RADIUS: []RADIUSServer{server}})
		return nil
	}
	b.Sources.Asked[i].RADIUS = append(b.Sources.Asked[i].RADIUS, server)
	return nil
}

// hostPort takes a host and perhaps a port apart, and puts them together with the port.
func hostPort(s, port string) (address string, ok bool) {
	host := s
	switch colons := strings.Count(s, ":"); {
	case strings.HasPrefix(s, "["):
		h, rest, closed := strings.Cut(s[1:], "]")
		if p, given := strings.CutPrefix(rest, ":"); given {
			port, rest = p, ""
		}
		if !closed || rest != "" {
			return "", false
		}
		host = h
	case colons == 1:
		host, port, _ = strings.Cut(s, ":")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", false
	}
	a, err := netip.ParseAddr(host)
	switch {
	case err != nil && !isHostName(host):
		return "", false
	case a.Is6():
		host = "[" + host + "]"
	}
	return host + ":" + port, true
}

func isHostName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_')
	})
}

func setSignInRADIUSName(b *builder, d *call) error {
	if n := len(d.args[0]); n == 0 || n > 253 {
		return d.expected(d.args[0], "a name of 1 to 253 bytes")
	}
	b.Sources.RADIUSName = d.args[0]
	return nil
}

func setSignInPAM(b *builder, d *call) error {
	switch {
	case d.args[0] == "" || strings.Contains(d.args[0], "/"):
		return d.expected(d.args[0], "the name of a PAM service, which is that of a file in /etc/pam.d")
	case len(d.args)%2 == 0:
		return d.fault(d.args[len(d.args)-1], "expected pairs behind the service, each a question's beginning and its answer", "write them as in: sign-in-pam openvpn login USERNAME password PASSWORD")
	}
	b.Sources.Asked = append(b.Sources.Asked, SignInSource{Pos: d.Pos, PAM: d.args[0], Prompts: slices.Clone(d.args[1:])})
	return nil
}

// checkSources checks that the directives about directories make sense together.
func checkSources(c check) {
	if c.isServer() && c.Sources.RADIUSName != "" && !c.has("sign-in-radius") && !c.has("accounting-radius") {
		c.problem("sign-in-radius-name", "no RADIUS server is asked or told", "add a line sign-in-radius or accounting-radius, with HOST SECRET-FILE")
	}
}
