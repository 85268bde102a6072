package config

import (
	"fmt"
	"strings"
	"testing"
)

// injections are domains that would begin something else in a resolver's file.
var injections = []string{"evil.example\nnameserver 6.6.6.6", "a b", "\x1b[2J", "a..b", "-a.example", strings.Repeat("a", 64), "a\u2028b"}

// TestDomainsAreNames: neither a file nor a server can write more than names to
// where names are resolved.
func TestDomainsAreNames(t *testing.T) {
	base, err := ParseFile("c.conf", []byte("client\ndev tun\nremote vpn.example\nauth-user-pass\nca x\n"), func(string) ([]byte, error) { return []byte("-----BEGIN x"), nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range injections {
		for _, option := range []string{"dns server 0 resolve-domains %q", "dns search-domains %q", "dhcp-option DOMAIN %q", "dhcp-option DOMAIN-SEARCH %q", "dhcp-option ADAPTER_DOMAIN_SUFFIX %q"} {
			line := strings.Replace(option, "%q", `"`+name+`"`, 1)
			pushes := []string{"dns server 0 address 10.8.0.1", line}
			c, notes, err := ParsePushed(base, pushes)
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(c.Routing.DNS); strings.Contains(text, name) {
				t.Errorf("pushed %q is taken: %s", line, text)
			}
			if len(notes) == 0 {
				t.Errorf("pushed %q is left out without a word", line)
			}
			if _, err := ParseFile("c.conf", []byte("client\ndev tun\nremote vpn.example\nauth-user-pass\nca x\n"+line+"\n"), func(string) ([]byte, error) { return []byte("-----BEGIN x"), nil }); err == nil {
				t.Errorf("own line %q is taken", line)
			}
		}
	}
}
