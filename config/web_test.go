package config

import (
	"strings"
	"testing"
)

// webOf parses a server with more lines.
func webOf(lines string) (Web, error) {
	c, err := ParseFile("server.conf", []byte("server 10.8.0.0 255.255.255.0\nca ca.crt\ncert server.crt\nkey server.key\n"+lines), readTest)
	if err != nil {
		return Web{}, err
	}
	return c.Server.Web, nil
}

func TestWeb(t *testing.T) {
	for _, c := range []struct{ listen, url, address, host, at string }{
		{"*:8443", "https://VPN.example.org:8443/", ":8443", "vpn.example.org", "https://vpn.example.org:8443"},
		{"[::]:443 c k", "https://[2001:db8::1]", ":443", "2001:db8::1", "https://[2001:db8::1]"},
		{"0.0.0.0:443", "https://192.0.2.1:8443", "0.0.0.0:443", "192.0.2.1", "https://192.0.2.1:8443"},
		{"[2001:db8::1]:1", "https://[2001:DB8::1]:9", "[2001:db8::1]:1", "2001:db8::1", "https://[2001:db8::1]:9"},
		{"*:1", "https://bücher.example", ":1", "xn--bcher-kva.example", "https://xn--bcher-kva.example"},
	} {
		w, err := webOf("web-listen " + c.listen + "\nweb-url " + c.url + "\n")
		if err != nil || !w.Yes() || w.Address() != c.address || w.Host() != c.host || w.URL != c.at {
			t.Errorf("%s, %s: %+v, address %q, host %q, %v", c.listen, c.url, w, w.Address(), w.Host(), err)
		}
	}
}

func TestWebFaults(t *testing.T) {
	for lines, want := range map[string]string{
		"web-listen *:8443":                                       "add the line: web-url",
		"web-url https://a.example":                               "add the line: web-listen",
		"web-listen *:0\nweb-url https://a":                       "expected an address and a port",
		"web-listen *:70000\nweb-url https://a":                   "expected an address and a port",
		"web-listen 8443\nweb-url https://a":                      "expected an address and a port",
		"web-listen vpn.example.org:8443\nweb-url https://a":      "expected an address and a port",
		"web-listen [fe80::1%eth0]:8443\nweb-url https://a":       "expected an address and a port",
		"web-listen *:8443 cert.pem\nweb-url https://a":           "name both files",
		"web-listen *:8443\nweb-url http://a.example":             "expected https://",
		"web-listen *:8443\nweb-url https://a.example/path":       "expected https://, and a name",
		"web-listen *:8443\nweb-url https://u@a.example":          "expected https://, and a name",
		"web-listen *:8443\nweb-url https://":                     "expected https://, a name",
		"web-listen *:8443\nweb-url https://2001:db8::1":          "expected https://, and a name",
		"web-listen *:8443\nweb-url https://[192.0.2.1]":          "expected https://, and a name",
		"web-listen *:8443\nweb-url https://a.example:0":          "expected a port",
		"web-listen *:8443\nweb-url \"https://a.example?x=<y>\"":  "expected https://, and a name",
		"web-listen *:8443\nweb-url \"https://a.example:1\\\"2\"": "expected a port",
	} {
		if _, err := webOf(lines + "\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", lines, err, want)
		}
	}
}
