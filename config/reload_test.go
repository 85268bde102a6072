package config

import (
	"slices"
	"strings"
	"testing"
)

const reloadServer = "dev tun\nserver 10.8.0.0 255.255.255.0\nca ca\ncert cert\nkey key\ndh none\n"

// TestChanged: what changed between two configurations, and whether sessions can go on.
func TestChanged(t *testing.T) {
	read := func(name string) ([]byte, error) {
		return []byte("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n-----BEGIN OpenVPN Static key V1-----\n" + name), nil
	}
	parse := func(t *testing.T, text string, read ReadFile) *Config {
		t.Helper()
		c, err := ParseFile("x.conf", []byte(text), read)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const pair = "dev tun\nremote a\ntls-client\nifconfig 10.8.0.1 10.8.0.2\nca ca\ncert cert\nkey key\nremote-cert-tls server\n"
	tap := strings.Replace(reloadServer, "dev tun", "dev tap", 1)
	const client = "client\ndev tun\nremote a\nca ca\ncert cert\nkey key\nremote-cert-tls server\n"
	for _, c := range []struct {
		what, before, after string
		want                Changes
	}{
		{"nothing", reloadServer, reloadServer, Changes{}},
		{"a comment", reloadServer, "# a\n" + reloadServer, Changes{}},
		{"one more push", reloadServer + "push \"route 10.1.0.0 255.255.0.0\"\n", reloadServer + "push \"route 10.1.0.0 255.255.0.0\"\npush \"route 10.2.0.0 255.255.0.0\"\n", Changes{Live: []string{"push"}}},
		{"pushes in another order", reloadServer + "push a\npush b\n", reloadServer + "push b\npush a\n", Changes{Live: []string{"push"}}},
		{"verb, ccd and a port", reloadServer + "verb 3\nport 1194\n", reloadServer + "verb 4\nport 1195\nclient-config-dir ccd\n", Changes{Live: []string{"client-config-dir", "verb"}, Anew: []string{"port"}}},
		{"the network", reloadServer, strings.Replace(reloadServer, "10.8", "10.9", 1), Changes{Anew: []string{"server"}}},
		{"where the log goes", reloadServer, reloadServer + "log x\n", Changes{Start: []string{"log"}}},
		{"a directive without effect", reloadServer, reloadServer + "fast-io\n", Changes{Live: []string{"fast-io"}}},
		{"an inline block", reloadServer + "<tls-crypt>\n-----BEGIN OpenVPN Static key V1-----\na\n</tls-crypt>\n", reloadServer + "<tls-crypt>\n-----BEGIN OpenVPN Static key V1-----\nb\n</tls-crypt>\n", Changes{Live: []string{"tls-crypt"}}},
		{"limits", reloadServer, reloadServer + "max-clients 5\nmax-routes-per-client 5\nconnect-freq-initial 5 5\nhandshakes-per-address 5 5\n", Changes{Live: []string{"connect-freq-initial", "handshakes-per-address", "max-clients", "max-routes-per-client"}}},
		{"programs for clients, and what they are told", reloadServer, reloadServer + "script-security 2\nlearn-address /bin/true\nsetenv A b\nsetenv-safe C d\n", Changes{Live: []string{"learn-address", "script-security", "setenv", "setenv-safe"}}},
		{"an optional directive", reloadServer + "setenv opt port 1195\n", reloadServer + "setenv opt port 1196\n", Changes{Live: []string{"setenv"}, Anew: []string{"port"}}},
		{"what programs of the adapter are told", reloadServer + "script-security 2\ndown /bin/true\n", reloadServer + "script-security 2\ndown /bin/true\nsetenv A b\n", Changes{Live: []string{"setenv"}}},
		{"another program of the adapter", reloadServer + "script-security 2\ndown /bin/true\n", reloadServer + "script-security 2\ndown /bin/false\nup /bin/true\n", Changes{Live: []string{"down", "up"}}},
		{"the first program of the adapter", reloadServer + "script-security 2\n", reloadServer + "script-security 2\nup /bin/true\n", Changes{Anew: []string{"up"}}},
		{"no program of the adapter any more", reloadServer + "script-security 2\nup /bin/true\n", reloadServer + "script-security 2\n", Changes{Anew: []string{"up"}}},
		{"the first program of the adapter, of which management is told", reloadServer + "script-security 2\nmanagement /tmp/m unix\nmanagement-up-down\n", reloadServer + "script-security 2\nmanagement /tmp/m unix\nmanagement-up-down\nup /bin/true\n", Changes{Anew: []string{"up"}}},
		{"routes, whose programs have no rights any more", reloadServer + "user nobody\nscript-security 2\nup /bin/true\n", reloadServer + "user nobody\nscript-security 2\nup /bin/true\nroute 10.1.0.0 255.255.0.0\n", Changes{Anew: []string{"route"}}},
		{"routes, with a user", reloadServer + "user nobody\n", reloadServer + "user nobody\nroute 10.1.0.0 255.255.0.0\n", Changes{Live: []string{"route"}}},
		{"whether a client needs rights when it connects again", client + "script-security 2\nroute-up /bin/true\n", client + "script-security 2\nroute-up /bin/true\nup /bin/true\n", Changes{Anew: []string{"up"}}},
		{"routes, and who reaches whom", reloadServer, reloadServer + "client-to-client\nroute 10.1.0.0 255.255.0.0\nroute-ipv6 fd01::/64\n", Changes{Live: []string{"client-to-client", "route", "route-ipv6"}}},
		{"the adapter", reloadServer, reloadServer + "tun-mtu 1400\ntopology subnet\n", Changes{Anew: []string{"topology", "tun-mtu"}}},
		{"whether programs of the adapter run", reloadServer + "script-security 1\ndown /bin/true\n", reloadServer + "script-security 2\ndown /bin/true\n", Changes{Anew: []string{"script-security"}}},
		{"what management is told of the adapter", reloadServer + "management /tmp/m unix\nmanagement-up-down\n", reloadServer + "management /tmp/m unix\nmanagement-up-down\nsetenv A b\n", Changes{Live: []string{"setenv"}}},
		{"stations on an Ethernet", tap, tap + "script-security 2\nlearn-address /bin/true\nmax-routes-per-client 5\n", Changes{Live: []string{"script-security"}, Anew: []string{"learn-address", "max-routes-per-client"}}},
		{"a client's tls-crypt", client + "tls-crypt a\n", client + "tls-crypt b\n", Changes{Anew: []string{"tls-crypt"}}},
		{"a client's variable", client, client + "setenv A b\n", Changes{Live: []string{"setenv"}}},
		{"a client's routes, names and filters", client, client + "route 10.1.0.0 255.255.0.0\nredirect-gateway\npull-filter ignore dns\ndhcp-option DNS 10.8.0.1\nroute-nopull\n", Changes{Live: []string{"dhcp-option", "pull-filter", "redirect-gateway", "route", "route-nopull"}}},
		{"a client's timers", client, client + "keepalive 5 30\nreneg-sec 0\nexplicit-exit-notify\nconnect-retry 5\n", Changes{Live: []string{"connect-retry", "explicit-exit-notify", "keepalive", "reneg-sec"}}},
		{"who a client is, and where it connects", client, client + "remote b\n<auth-user-pass>\na\nb\n</auth-user-pass>\ntls-verify /bin/true\nscript-security 2\n", Changes{Live: []string{"script-security"}, Anew: []string{"auth-user-pass", "remote", "tls-verify"}}},
		{"a client's verb", client, client + "verb 5\n", Changes{Live: []string{"verb"}}},
		{"a client's authority", client, strings.Replace(client, "ca ca", "ca other", 1), Changes{Anew: []string{"ca"}}},
		{"a paired host's route", pair, pair + "route 10.1.0.0 255.255.0.0\nverb 5\n", Changes{Live: []string{"verb"}, Anew: []string{"route"}}},
		{"a client's connection", client + "<connection>\nremote b\n</connection>\n", client + "<connection>\nremote c\n</connection>\n", Changes{Anew: []string{"connection"}}},
	} {
		got := parse(t, c.before, read).Changed(parse(t, c.after, read))
		if !slices.Equal(got.Live, c.want.Live) || !slices.Equal(got.Anew, c.want.Anew) || !slices.Equal(got.Start, c.want.Start) {
			t.Errorf("%s: %+v, want %+v", c.what, got, c.want)
		}
	}
	other := func(name string) ([]byte, error) {
		text, err := read(name)
		return append(text, '.'), err
	}
	if got := parse(t, reloadServer, read).Changed(parse(t, reloadServer, other)); !slices.Equal(got.Live, []string{"ca", "cert", "key"}) || len(got.Anew) > 0 {
		t.Errorf("other files: %+v", got)
	}
	if got := new(Config).Changed(parse(t, reloadServer, read)); len(got.Anew) == 0 {
		t.Errorf("of no configuration: %+v", got)
	}
}

// TestReloadsAreDirectives: the table of reloads names directives alone.
func TestReloadsAreDirectives(t *testing.T) {
	for name := range reloads {
		if byName[name] == nil {
			t.Errorf("%s: no such directive", name)
		}
	}
}
