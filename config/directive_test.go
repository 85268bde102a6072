package config

import (
	"strings"
	"testing"
)

// openvpnNames is every directive of OpenVPN 2.6 and its master branch, the
// removed ones that configurations still hold, and the internal ones a server
// pushes.
const openvpnNames = `
allow-compression allow-deprecated-insecure-static-crypto allow-nonadmin allow-pull-fqdn
allow-recursive-routing askpass auth auth-federate auth-gen-token auth-gen-token-secret auth-nocache
auth-retry auth-token auth-token-user auth-user-pass auth-user-pass-optional auth-user-pass-verify
bcast-buffers bind bind-dev block-ipv6 block-outside-dns ca capath ccd-exclusive cd cert chroot cipher client
client-cert-not-required client-config-dir client-connect client-crresponse client-disconnect client-nat
client-to-client comp-lzo comp-noadapt compat-mode compat-names compress config connect-freq
connect-freq-initial connect-retry connect-retry-max connect-timeout crl-verify cryptoapicert daemon
data-ciphers data-ciphers-fallback dev dev-node dev-type dh dhcp-internal dhcp-option dhcp-pre-release
dhcp-release dhcp-renew disable disable-dco disable-occ dns dns-updown down down-pre duplicate-cn ecdh-curve
echo enable-dco engine errors-to-stderr explicit-exit-notify extra-certs fast-io float
force-tls-key-material-export fragment genkey gremlin group hand-window hash-size help http-proxy
http-proxy-option http-proxy-override http-proxy-retry http-proxy-timeout http-proxy-user-pass ifconfig
ifconfig-ipv6 ifconfig-ipv6-pool ifconfig-ipv6-push ifconfig-noexec ifconfig-nowarn ifconfig-pool
ifconfig-pool-linear ifconfig-pool-persist ifconfig-push ifconfig-push-constraint ignore-unknown-option inactive inetd ip-win32
ipchange iproute iroute iroute-ipv6 keepalive key key-derivation key-direction key-method
keying-material-exporter keysize learn-address link-mtu lladdr local log log-append lport
machine-readable-output management management-client management-client-auth management-client-group
management-client-pf management-client-user management-external-cert management-external-key
management-forget-disconnect management-hold management-log-cache management-query-passwords
management-query-proxy management-query-remote management-signal management-up-down mark max-clients
max-packet-size max-routes max-routes-per-client memstats mktun mlock mode mptcp msg-channel mssfix mtu-disc
mtu-dynamic mtu-test multihome mute mute-replay-warnings ncp-ciphers ncp-disable nice no-iv no-name-remapping
no-replay nobind ns-cert-type opt-verify override-username parameter passtos pause-exit peer-fingerprint
peer-id persist-key persist-local-ip persist-remote-ip persist-tun ping ping-exit ping-restart ping-timer-rem
pkcs11-cert-private pkcs11-id pkcs11-id-management pkcs11-pin-cache pkcs11-private-mode
pkcs11-protected-authentication pkcs11-providers pkcs12 plugin port port-share preresolve prng proto
proto-force protocol-flags providers pull pull-filter push push-continuation push-peer-info push-remove
push-reset rcvbuf rdns-internal redirect-gateway redirect-private register-dns remap-usr1 remote
remote-cert-eku remote-cert-ku remote-cert-tls remote-random remote-random-hostname reneg-bytes reneg-pkts
reneg-sec replay-persist replay-window resolv-retry rmtun route route-delay route-gateway route-ipv6
route-ipv6-gateway route-method route-metric route-noexec route-nopull route-pre-down route-table route-up
rport scramble script-security secret server server-bridge server-ipv6 server-poll-timeout service
session-timeout setcon setenv setenv-safe shaper show-adapters show-ciphers show-curves show-digests
show-engines show-gateway show-groups show-net show-net-up show-pkcs11-ids show-tls show-valid-subnets
single-session sndbuf socket-flags socks-proxy socks-proxy-retry stale-routes-check static-challenge status
status-version suppress-timestamps syslog tap-sleep tcp-nodelay tcp-queue-limit test-crypto tls-auth
tls-cert-profile tls-cipher tls-ciphersuites tls-client tls-crypt tls-crypt-v2 tls-crypt-v2-max-age
tls-crypt-v2-verify tls-exit tls-export-cert tls-groups tls-remote tls-server tls-timeout tls-verify
tls-version-max tls-version-min tmp-dir topology tran-window tun-ipv6 tun-mtu tun-mtu-extra tun-mtu-max
txqueuelen udp-mtu up up-delay up-restart use-prediction-resistance user username-as-common-name verb
verify-client-cert verify-hash verify-x509-name version vlan-accept vlan-pvid vlan-tagging win-sys
windows-driver writepid x509-track x509-username-field
`

func TestEveryDirectiveHasARow(t *testing.T) {
	for _, name := range strings.Fields(openvpnNames) {
		if byName[name] == nil {
			t.Errorf("no row for %s", name)
		}
	}
}

func TestRowsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range Directives() {
		if seen[row.Name] {
			t.Errorf("%s: two rows", row.Name)
		}
		seen[row.Name] = true
		if len(row.Name) > longestName {
			t.Errorf("%s is longer than longestName", row.Name)
		}
		if row.Help == "" || row.Where == 0 {
			t.Errorf("%s: no help or no place", row.Name)
		}
		if row.Status == Supported && row.set == nil {
			t.Errorf("%s: supported without a setter", row.Name)
		}
		if (row.Status == Refused || row.Status == Planned) && row.Reason == "" {
			t.Errorf("%s: refused without a reason, or what to do instead", row.Name)
		}
		if strings.Contains(row.Usage, "]") && !strings.Contains(row.Usage, "[") {
			t.Errorf("%s: usage %q", row.Name, row.Usage)
		}
		if least, most := row.Arity(); most >= 0 && least > most {
			t.Errorf("%s: arity %d to %d", row.Name, least, most)
		}
	}
}

func TestArity(t *testing.T) {
	for usage, want := range map[string][2]int{
		"":            {0, 0},
		"a":           {1, 1},
		"a [b]":       {1, 2},
		"[a] [b]":     {0, 2},
		"a ...":       {1, -1},
		"[a] ...":     {0, -1},
		"x|y [z] [w]": {1, 3},
	} {
		least, most := (&Directive{Usage: usage}).Arity()
		if least != want[0] || most != want[1] {
			t.Errorf("%q: %d to %d, want %v", usage, least, most, want)
		}
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"chiper":                 "cipher",
		"rremote-cert-tls":       "remote-cert-tls",
		"data-ciphers-fallbacks": "data-ciphers-fallback",
		"setenv_safe":            "setenv-safe",
		"CLIENT":                 "client",
		"keepalvie":              "keepalive",
		"completely-different":   "",
		"xy":                     "",
		strings.Repeat("x", 999): "",
	} {
		if got := byName.nearest(name); got != want {
			t.Errorf("nearest to %.30q is %q, want %q", name, got, want)
		}
	}
}

// TestSaidWhenNotCarriedOut: what is taken and has no effect is said.
func TestSaidWhenNotCarriedOut(t *testing.T) {
	for line, want := range map[string]string{
		"redirect-gateway def1 bypass-dns autolocal":                        "bypass-dns only means something on Windows",
		"dhcp-option NTP 192.0.2.1":                                         "nothing here uses",
		"dns server 0 address 192.0.2.53\ndns server 0 transport DoT":       "queries use plain DNS",
		"dns server 0 address 192.0.2.53\ndns server 0 dnssec yes":          "this host's resolver decides",
		"dns server 0 address 192.0.2.53\ndns server 0 sni dns.example.org": "queries use plain DNS",
	} {
		c, err := ParseFile("test.conf", []byte("client\nremote a\nca ca.pem\nauth-user-pass\nremote-cert-tls server\n"+line+"\n"),
			func(string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----"), nil })
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Notes) != 1 || !strings.Contains(c.Notes[0].Text, want) {
			t.Errorf("%s: %v", line, c.Notes)
		}
	}
}

// TestTwoHosts: what of TCP, proxies and armour two hosts can use, each line by
// the fault found, "" for none.
func TestTwoHosts(t *testing.T) {
	fingerprint := "peer-fingerprint " + strings.TrimSuffix(strings.Repeat("00:", 32), ":")
	for lines, want := range map[string]string{
		"tls-client; proto tcp-client; remote a":                                       "",
		"tls-server; proto tcp-client; remote a":                                       "",
		"tls-client; proto tcp-server":                                                 "",
		"tls-client; proto tcp-server; remote a":                                       "",
		"tls-client; remote a 443 tcp; remote a 1194 udp":                              "",
		"tls-client; remote a; socks-proxy p":                                          "",
		"tls-client; proto tcp-client; remote a; http-proxy p 3128":                    "",
		"tls-client; proto tcp; remote a":                                              "which of the two hosts calls",
		"tls-server; proto tcp":                                                        "which of the two hosts calls",
		"tls-client; proto tcp-client":                                                 "has to know where it is",
		"tls-client; remote a 1194 tcp-client; remote b 1194 tcp-server":               "wait for the other over TCP and call it as well",
		"tls-client; proto tcp-server; remote a; socks-proxy p":                        "calls nobody through a proxy",
		"tls-client; remote a; http-proxy p 3128":                                      "an HTTP proxy carries TCP only",
		"tls-client; remote a; tls-crypt-v2 k":                                         "",
		"tls-client; proto tcp-server; tls-crypt-v2 k":                                 "",
		"tls-server; tls-crypt-v2 k":                                                   "",
		"tls-client; tls-crypt-v2 k":                                                   "the host with tls-client begins",
		"tls-server; auth-user-pass-verify p via-env":                                  "ask for no passwords",
		"tls-server; tls-crypt-v2 k; tls-crypt-v2-verify p; script-security 2; nobind": "ask for no passwords",
	} {
		text := "dev tun\ncert c.pem\nkey k.pem\n" + fingerprint + "\n" + strings.ReplaceAll(lines, "; ", "\n") + "\n"
		_, err := ParseFile("test.conf", []byte(text), func(string) ([]byte, error) { return []byte("-----BEGIN OpenVPN tls-crypt-v2 "), nil })
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", lines, err, want)
		}
	}
}

// TestCallersBindNoPort: as with stock OpenVPN, a host that calls over TCP takes
// any port of its own unless told otherwise.
func TestCallersBindNoPort(t *testing.T) {
	fingerprint := "peer-fingerprint " + strings.TrimSuffix(strings.Repeat("00:", 32), ":")
	for lines, want := range map[string]int{
		"proto tcp-client\nremote a":           0,
		"proto tcp-client\nremote a\nlport 99": 99,
		"proto tcp-client\nremote a\nbind":     1194,
		"proto tcp-server\nremote a":           1194,
		"remote a":                             1194,
		"remote a 1194 tcp\nremote a":          1194,
	} {
		text := "dev tun\ntls-client\ncert c.pem\nkey k.pem\n" + fingerprint + "\n" + lines + "\n"
		c, err := ParseFile("test.conf", []byte(text), func(string) ([]byte, error) { return []byte("-----BEGIN X-----"), nil })
		if err != nil || c.Link.LocalPort != want {
			t.Errorf("%q: %v, port %d, want %d", lines, err, c.Link.LocalPort, want)
		}
	}
}
