package config

import (
	"strings"
	"testing"
)

func TestCheckUpdate(t *testing.T) {
	for option, want := range map[string]string{
		"route 10.1.0.0 255.255.0.0":     "",
		"route-ipv6 fd00:1::/64":         "",
		"route-metric 5":                 "",
		"route-gateway dhcp":             "",
		"dhcp-option DNS 10.8.0.1":       "",
		"dns search-domains example.org": "",
		"redirect-gateway def1 ipv6":     "",
		"block-outside-dns":              "",
		"block-ipv6":                     "", // for clients that know it
		"keepalive 10 60":                "",
		"?tun-mtu 1400":                  "",
		"-route":                         "",
		"-?dns":                          "",
		"":                               "expected an option's name",
		"-":                              "expected an option's name",
		"?":                              "expected an option's name",
		"?-dns":                          `write "-?dns"`,
		"-route 10.1.0.0 255.255.0.0":    `write "-route"`,
		"cipher AES-128-GCM":             "cipher cannot change while a client is connected",
		"rout 10.1.0.0":                  "rout cannot change",
		"route 10.1.0.0 255.255.0.0\x00": "one line",
		"route 10.1.0.300":               "10.1.0.300",
		"route-metric x":                 "whole number",
		"redirect-gateway sideways":      "sideways",
		"tun-mtu large":                  "whole number",
		"topology net30":                 "is leased",
		"-topology":                      "is leased",
		"?ifconfig 10.8.0.9 10.8.0.1":    "is leased",
		"rout":                           "block-outside-dns, dhcp-option, dns, keepalive,",
		"dns":                            "a value is missing",
		"ping 10":                        "part of keepalive",
		"keepalive 10":                   "two numbers",
		"keepalive ten sixty":            "ten",
		`dhcp-option DOMAIN "a`:          "quote",
	} {
		err := CheckUpdate(option)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, expected %q", option, err, want)
		}
	}
}

func FuzzCheckUpdate(f *testing.F) {
	for _, option := range []string{"route 10.1.0.0 255.255.0.0", "-?dns", "?-x", `dhcp-option "`, "keepalive 1 2"} {
		f.Add(option)
	}
	f.Fuzz(func(t *testing.T, option string) {
		if CheckUpdate(option) != nil {
			return
		}
		// What is found good, a client can apply.
		if _, _, err := new(Config).UpdatePushed(nil, []string{option}); err != nil {
			t.Errorf("%q: %v", option, err)
		}
	})
}
