package config

import (
	"net/netip"
	"strings"
	"testing"
)

// TestDashboardURL: where people find a dashboard follows from what else is known.
func TestDashboardURL(t *testing.T) {
	for lines, want := range map[string]string{
		"":                                "",
		"dashboard-listen 127.0.0.1:8444": "http://localhost:8444",
		"dashboard-listen [::1]:8444\ndashboard-url https://vpn.example.org/":                                   "https://vpn.example.org",
		"dashboard-listen 127.0.0.1:8444\ndashboard-url http://localhost:9000":                                  "http://localhost:9000",
		"dashboard-listen *:8444\ndashboard-url https://VPN.example.org:8444":                                   "https://vpn.example.org:8444",
		"dashboard-listen *:8444\nweb-listen *:8443\nweb-url https://vpn.example.org:8443":                      "https://vpn.example.org:8444",
		"dashboard-listen 127.0.0.1:8444 c k\nweb-listen *:8443\nweb-url https://[2001:db8::1]:8443":            "https://[2001:db8::1]:8444",
		"dashboard-listen *:8444\ndashboard-url https://a.example\nweb-listen *:8443 c k\nweb-url https://b.eu": "https://a.example",
	} {
		c, err := ParseFile("server.conf", []byte("server 10.8.0.0 255.255.255.0\nca ca.crt\ncert server.crt\nkey server.key\n"+lines+"\n"), readTest)
		if err != nil || c.Server.DashboardURL() != want {
			t.Errorf("%q: %v, %v, want %q", lines, c, err, want)
		}
	}
}

// TestAddDashboard: a command line takes the place of dashboard-listen.
func TestAddDashboard(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8444": "", "*:8444": "dashboard-url", "8444": "expected an address and a port", "192.0.2.1:0": "expected an address and a port",
		"[::1]:9176": "dashboard-listen has the same port",
	} {
		c := new(Config)
		c.Metrics.Listen = netip.MustParseAddrPort("[::1]:9176")
		err := AddDashboard(c, address)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}
