package hostnet

import (
	"fmt"
	"testing"
)

// TestServersFor: a name is asked of the links with the longest domain that it
// is in, and else of those that take any.
func TestServersFor(t *testing.T) {
	link := func(server string, normal bool, domains ...string) *resolvedLink {
		l := &resolvedLink{normal: normal}
		if server != "" {
			l.servers = []NameServer{{Addr: servers(server)[0]}}
		}
		for _, d := range domains {
			l.domains = append(l.domains, resolvedDomain{Name: d})
		}
		return l
	}
	home, corp := link("192.0.2.1", true, "home"), link("192.0.2.2", false, "Corp.example", "a.corp.example")
	all, bare := link("192.0.2.3", true, "."), link("", true, "vpn.example")
	for _, c := range []struct {
		name  string
		links []*resolvedLink
		want  string
	}{
		{"vpn.example", nil, "[]"},
		{"vpn.example", []*resolvedLink{home, corp}, "[192.0.2.1]"},
		{"vpn.example", []*resolvedLink{home, corp, bare}, "[192.0.2.1]"},
		{"vpn.example", []*resolvedLink{home, all}, "[192.0.2.3]"},
		{"vpn.CORP.example.", []*resolvedLink{home, all, corp}, "[192.0.2.2]"},
		{"notcorp.example", []*resolvedLink{home, corp}, "[192.0.2.1]"},
		{"corp.example", []*resolvedLink{corp, corp}, "[192.0.2.2]"},
		{"vpn.example", []*resolvedLink{corp}, "[]"},
	} {
		got := []string{}
		for _, s := range serversFor(c.name, c.links) {
			got = append(got, s.Addr.Addr().String())
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}
