package profile

import (
	"fmt"
	"testing"

	"culvert/config"
)

// TestUpdown: what dns-updown is told is what OpenVPN 2.7.8 tells it, the newest first
// (recorded; TestUpdownOf27 in lab/interop).
func TestUpdown(t *testing.T) {
	for lines, want := range map[string]string{
		"dns server 7 address 10.8.0.3\ndns server 5 address 10.8.0.1 [fd00::53]:5353\ndns server 5 resolve-domains corp.example\ndns search-domains a.example\n": "[dns_server_2_address_1=10.8.0.3 dns_server_1_resolve_domain_1=corp.example " +
			"dns_server_1_port_2=5353 dns_server_1_address_2=fd00::53 dns_server_1_address_1=10.8.0.1 dns_search_domain_1=a.example]",
		"dhcp-option DNS 10.8.0.1\ndhcp-option DOMAIN-SEARCH a.example\ndhcp-option DOMAIN corp.example\ndhcp-option DOMAIN other.example\n": "[dns_server_1_address_1=10.8.0.1 " +
			"dns_search_domain_2=a.example dns_search_domain_1=other.example]",
		"dns server 5 address 10.8.0.1\ndhcp-option DNS 10.8.0.9\ndhcp-option DOMAIN corp.example\ndhcp-option DOMAIN-SEARCH a.example\n": "[dns_server_1_address_1=10.8.0.1]",
		"dhcp-option DOMAIN corp.example\n": "nothing",
		"dns search-domains b.example\n":    "nothing",
	} {
		c, err := config.ParseFile("test.conf", []byte("client\ndev tun\nremote 192.0.2.1\nauth-user-pass\nca ca.crt\n"+lines), func(string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----"), nil })
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		if env := updown(c.Routing.DNS); env != nil {
			got = fmt.Sprint(env.List())
		}
		if got != want {
			t.Errorf("%s\nit is told %s, want %s", lines, got, want)
		}
	}
}
