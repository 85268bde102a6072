package config

import (
	"errors"
	"strings"
	"testing"
)

// clientLines and serverLines are right by themselves.
const (
	clientLines = "client\ndev tun\nremote a\nca ca.crt\ncert client.crt\nkey client.key\nremote-cert-tls server\n"
	serverLines = "dev tun\nserver 10.8.0.0 255.255.255.0\nca ca.crt\ncert server.crt\nkey server.key\ndh none\n"
)

// line is a line added to a configuration, and what is said of it: part of a
// note, or of an error; with neither, nothing.
type line struct{ text, note, fault string }

func (l line) try(t *testing.T, base string) {
	t.Helper()
	c, err := ParseFile("x.conf", []byte(base+l.text+"\n"), readTest)
	switch {
	case l.fault != "":
		if err == nil || !strings.Contains(err.Error(), l.fault) {
			t.Errorf("%s: fault %v, want %q", l.text, err, l.fault)
		}
		return
	case err != nil:
		t.Errorf("%s: %v", l.text, err)
		return
	}
	var said []string
	for _, n := range c.Notes {
		said = append(said, n.Pos.String()+": "+n.Text)
	}
	if all := strings.Join(said, "\n"); l.note == "" && all != "" || !strings.Contains(all, l.note) {
		t.Errorf("%s: noted %q, want %q", l.text, all, l.note)
	}
}

// TestHarmlessLines: what OpenVPN 2.6 starts with, as seen by running it, is no
// reason not to start.
func TestHarmlessLines(t *testing.T) {
	for _, l := range []line{
		{text: "connect-retry 0"},
		{text: "connect-retry 0 0"},
		{text: "connect-retry 10 5"},
		{text: "connect-retry 99999", note: "more than the most, 65535"},
		{text: "connect-retry 5 99999", note: "more than the most, 65535"},
		{text: "connect-retry -1", note: `connect-retry: "-1" is taken as 0`},
		{text: "connect-retry-max infinite"},
		{text: "connect-retry-max -1", note: `"-1" is taken as 0`},
		{text: "resolv-retry -1", note: `"-1" is taken as 0`},
		{text: "reneg-sec infinite", note: `"infinite" is taken as 0`},
		{text: "ping-restart never", note: "write 0"},
		{text: "sndbuf auto", note: "write 0"},
		{text: "mssfix off", note: "write 0"},
		{text: "explicit-exit-notify yes"},
		{text: "mute 20x", note: "write 20"},
		{text: "keepalive 10s 60s", note: "write 60"},
		{text: "keepalive +10 100000"},
		{text: "replay-window 128x 15s", note: "write 15"},
		{text: "tun-mtu 1400.", note: "write 1400"},
		{text: "sndbuf 512k", note: "write 512"},
		{text: "hand-window 4294967297", note: "is taken as 2147483647"},
		{text: "inactive 60 99999999999999999999", note: "is taken as 4611686018427387904"},
		{text: "connect-retry-max unlimited"},
		{text: "providers default"},
		{text: "providers legacy default", note: "legacy is ignored"},
		{text: "verb 99", note: "99 is more than the most, 15"},
		{text: "tls-cert-profile insecure"}, // endpoint says what it means
		{text: "cipher BF-CBC", note: "is negotiated instead"},
		{text: "cipher DES-EDE3-CBC", note: "is negotiated instead"},
		{text: "cipher camellia-256-cbc", note: "is negotiated instead"},
		{text: "cipher BF-CBC\ndata-ciphers AES-256-GCM"},
		{text: "data-ciphers AES-256-GCM:BF-CBC", note: "BF-CBC is left out"},
		{text: "data-ciphers AES-256-GCM:?FOO"},
		{text: "data-ciphers-fallback BF-CBC", note: "will be refused"},
		{text: "local 192.0.2.1\nlocal 192.0.2.2", note: "x.conf:9: local: given before, in x.conf:8; this one counts"},
		{text: "persist-key yes", note: `takes no value, so "yes" is ignored`},
		{text: "persist-tun a b", note: `takes no value, so "a b" is ignored`},
		{text: "float yes", note: `takes no value, so "yes" is ignored`},
		{text: "nobind 1", note: "takes no value"},
		{text: "max-routes 100 200", note: "takes one value"},
		{text: "dh missing.pem"},
		{text: "compat-mode 2.4.0"},
		{text: "compat-mode 2.6.14"},
		{text: "compat-mode 2.8.0"},
		{text: "compat-mode 2.3.6", note: "use BF-CBC, which is not supported"},
		{text: "compat-mode 1.9.9\ncipher BF-CBC", note: "by cipher AES-256-CBC"},
		{text: "compat-mode 2.3.6\ncipher AES-256-CBC"},
		{text: "nice 5"},
		{text: "nice -30", note: "-30 is taken as -20"},
		{text: "nice 20", note: "20 is taken as 19"},
		{text: "mlock"},
		{text: "force-tls-key-material-export", note: "only means something on a server"},
		{text: "up-delay\nup-restart\ndown-pre\nroute-delay 5 30"},
		{text: "up /etc/openvpn/update-resolv-conf\ndown /usr/bin/update-systemd-resolved", note: "DNS is set without a program"},
		{text: "dns-updown /usr/libexec/openvpn/dns-updown", note: "DNS is set without a program"},
		{text: "dns-updown disable"},
		{text: "plugin /x/openvpn-plugin-down-root.so \"/etc/openvpn/update-resolv-conf\"", note: "DNS is set without a program"},
		{text: "route-up /bin/true\nipchange /bin/true", note: "script-security 1 does not allow programs"},
		{text: "up /bin/true", fault: "script-security 1 does not allow programs; add the line: script-security 2"},
		{text: "plugin openvpn-plugin-down-root.so /bin/true", note: "with the rights of the start, so as root where that is root's, although script-security is 1"},
		{text: "script-security 2\nplugin openvpn-plugin-down-root.so", fault: "expected the command to run"},
		{text: "plugin /usr/lib/openvpn-plugin-auth-pam.so login", fault: "only a server has any"},
		{text: "plugin /usr/lib/openvpn-plugin-auth-pam.so", fault: "expected the name of a PAM service"},
		{text: "plugin /usr/lib/openvpn-plugin-auth-pam.so ../shadow", fault: "expected the name of a PAM service"},
		{text: "plugin /usr/lib/openvpn-plugin-auth-pam.so /etc/pam.d/../shadow", fault: "expected the name of a PAM service"},
		{text: "plugin openvpn-plugin-auth-pam.so \"login password s3cret odd\"", fault: "expected pairs behind the PAM service \"login\""},
		{text: "plugin openvpn-plugin-auth-pam.so \"login 'x\"", fault: "a single quote is never closed"},
		{text: "plugin openvpn-auth-ldap.so", fault: "expected its configuration file"},
		{text: "plugin openvpn-auth-ldap.so missing.conf cn", note: "what stands behind the file", fault: "cannot be read"},
		{text: "plugin /usr/lib/openvpn-auth-radius.so x", fault: "would let anybody in; to check passwords by RADIUS, use: sign-in-radius HOST SECRET-FILE"},
		{text: "script-security 2\nup \"\"", fault: "a program's path"},
		{text: "route-delay x", fault: "route-delay"},
		{text: "remap-usr1 SIGHUP"},
		{text: "remap-usr1 SIGTERM"},
		{text: "keying-material-exporter EXPORTER-x 16", note: "plugins"},
		{text: "pkcs11-pin-cache 300", note: "keys in hardware"},
		{text: "machine-readable-output", note: "in any case"},
		{text: "verify-client-cert require", note: "only means something on a server"},
		{text: "vlan-pvid 5", note: "only means something on a server"},
		{text: "hash-size 256 256", note: "only means something on a server"},
		{text: "bcast-buffers 256", note: "only means something on a server"},
		{text: "auth-gen-token-secret missing.key", note: "only means something on a server"},
		{text: "script-security 2\ntls-crypt-v2-verify check.sh", note: "only means something on a server"},
		{text: "reneg-sec 0 3600"},
		{text: "keepalive 0 0", note: "turns it off"},
		{text: "keepalive 10 60\nping-restart 0", note: "x.conf:9: ping-restart: 0 is ignored"},
		{text: "port 0\nrport 1194"},
		{text: "<connection>\nremote b 443 tcp\nremote c\n</connection>", note: "given before in this block, in x.conf:9"},
	} {
		l.try(t, clientLines)
	}
	for _, l := range []line{
		{text: `push ""`, note: "nothing is pushed"},
		{text: `push "  "`, note: "nothing is pushed"},
		{text: `push "foo bar"`, note: `clients will not take "foo bar": foo: unknown directive`},
		{text: `push "rout 10.1.0.0 255.255.0.0"`, note: "did you mean route?"},
		{text: `push "route 10.52.0.0/16"`, note: "write route 10.52.0.0 255.255.0.0"},
		{text: `push "route files.example.org"`, note: "write an address"},
		{text: `push "redirect-gateway def1 frobnicate"`, note: "frobnicate"},
		{text: `push "keepalive 10 60"`, note: "write keepalive without push"},
		{text: `push "remote-cert-tls server"`, note: "the clients' own profiles"},
		{text: "push \"route 10.1.0.0\t255.255.0.0\"", note: "a tab is pushed as a blank"},
		{text: `push "redirect-gateway def1 bypass-dhcp"`},
		{text: `push "block-outside-dns"`},
		{text: `push "block-ipv6"`},
		{text: `push "dhcp-option DNS 10.8.0.1"`},
		{text: `push "echo grüße"`},
		{text: "tcp-queue-limit 100000", note: "65536"},
		{text: "hash-size 256 256"},
		{text: "reneg-sec 0 3600"},
		{text: "port 0"},
		{text: "connect-freq 0 0", note: "means no limit"},
		{text: "keepalive 10 60\nping-restart 0", note: "0 is ignored"},
		{text: "auth-gen-token", note: "users of the server's own directory"},
		{text: "chroot /jail\ncrl-verify crl.pem"},
		{text: "crl-verify /crl.pem\nchroot /jail"},
		{text: "persist-key yes", note: "takes no value"},
	} {
		l.try(t, serverLines)
	}
}

// TestPushOfOneClient: what is pushed by a file of client-config-dir is looked at
// as that of the server.
func TestPushOfOneClient(t *testing.T) {
	c, err := ParsePerClient(new(Config), "ccd/anna", []byte(`push "route 10.52.0.0/16"`))
	if err != nil || len(c.Notes) != 1 || !strings.Contains(c.Notes[0].Text, "write route 10.52.0.0 255.255.0.0") {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := ParsePerClient(new(Config), "ccd/anna", []byte("push \"echo \x1b\"")); err == nil || !strings.Contains(err.Error(), "ccd/anna:1: push") {
		t.Error(err)
	}
}

// TestHarmfulLines: what OpenVPN 2.6 does not start with, nor should anybody.
func TestHarmfulLines(t *testing.T) {
	for _, l := range []line{
		{text: "float no", fault: "takes no value"},
		{text: "route-nopull 0", fault: "takes no value"},
		{text: "connect-retry abc", fault: "0 or more"},
		{text: "“nobind”", fault: "write nobind"},
		{text: "–verb 1", fault: "write verb"},
		{text: "connect-retry -", fault: "0 or more"},
		{text: `connect-retry ""`, fault: "0 or more"},
		{text: "keepalive ten sixty", fault: "1 or more"},
		{text: "keepalive off 60", fault: "1 or more"},
		{text: "tran-window -3", fault: "1 or more"},
		{text: "tun-mtu 70000", fault: "from 100 to 65535"},
		{text: "replay-window 65537", fault: "from 0 to 65536"},
		{text: "connect-retry-max many", fault: "or unlimited"},
		{text: "cipher FOO-BAR", fault: "no cipher has this name"},
		{text: "cipher AES-256-GCN", fault: "did you mean AES-256-GCM?"},
		{text: "cipher FOO\ndata-ciphers AES-256-GCM", fault: "no cipher has this name"},
		{text: "data-ciphers AES-256-GCM:FOO", fault: "no cipher has this name"},
		{text: "data-ciphers AES-256-GCM,AES-128-GCM", fault: "write colons between ciphers, no commas"},
		{text: "cipher AES-256-GCM:AES-128-GCM", fault: "write a list with data-ciphers"},
		{text: "ncp-ciphers FOO:AES-256-GCM", fault: "no cipher has this name"},
		{text: "data-ciphers-fallback FOO", fault: "no cipher has this name"},
		{text: "cipher BF-CBC\nncp-disable", fault: "leaves no other"},
		{text: "auth FOO", fault: "expected MD5"},
		{text: "compat-mode old", fault: "such as 2.4.0"},
		{text: "compat-mode 2.4", fault: "three numbers"},
		{text: "providers fips default", fault: "not that validated module"},
		{text: "providers tpm2 default", fault: "by management-external-key"},
		{text: "pkcs11-id-management", fault: "by management-external-key"},
		{text: "setcon system_u:system_r:openvpn_t:s0", fault: "SELinuxContext="},
		{text: "nice high", fault: "a whole number"},
		{text: "keying-material-exporter foo 32", fault: "begins with EXPORTER"},
		{text: "keying-material-exporter EXPORTER-x 15", fault: "from 16 to 4095"},
		{text: "remap-usr1 SIGUSR2", fault: "SIGHUP or SIGTERM"},
		{text: "x509-track +", fault: "an attribute's short name"},
		{text: "setenv GENERIC_CONFIG 1", fault: "ask whoever runs the server"},
		{text: "setenv GENERIC_CONFIG", fault: "ask whoever runs the server"},
		{text: "setenv opt setenv GENERIC_CONFIG 1", fault: "ask whoever runs the server"},
		{text: "verify-client-cert none", fault: "is for servers"},
		{text: "reneg-sec 60 3600", fault: "from 0 to 60"},
		{text: "keepalive 10 0", fault: "1 or more"},
		{text: "keepalive 10 60\nping-restart 30", fault: "keep one of the two"},
		{text: "remote b 0", fault: "from 1 to 65535"},
		{text: "port 0", fault: "write remote a PORT"},
		{text: "<connection>\nport 443\n</connection>", fault: "add the line: remote"},
		{text: "<auth-user-pass>\n</auth-user-pass>", fault: "x.conf:8: auth-user-pass: the block begins with no user name"},
		{text: "<crl-verify>\n</crl-verify>", fault: "x.conf:8: crl-verify: the block is empty"},
		{text: "<peer-fingerprint>\n</peer-fingerprint>", fault: "or remove the block"},
		{text: "single-session", note: "only means something between two hosts"},
		{text: "pkcs11-id x", fault: "with cert and key"},
		{text: "dns server 0 resolve-domains a.example", fault: "server 0 has no address; add the line: dns server 0 address ADDRESS"},
		{text: "route-only 10.0.0.0/8\nroute-noexec", fault: "nothing can be chosen"},
		{text: "route-only *.corp.example\ndns-updown disable", fault: "which route-only *.corp.example needs to learn"},
		{text: "route-only 10.0.0.0/8\ndns-updown disable"},
		{text: "route-except corp.example\ndns-updown disable", fault: "which route-except corp.example needs to learn"},
	} {
		l.try(t, clientLines)
	}
	for _, l := range []line{
		{text: "connect-freq 0 10", fault: "1 or more"},
		{text: "tcp-queue-limit 0", fault: "1 or more"},
		{text: "chroot /other\ncrl-verify crl.pem", fault: "crl-verify \"crl.pem\": cannot be read"},
		{text: "hash-size 0 0", fault: "1 or more"},
		{text: "hash-size 0", fault: "a value is missing"},
		{text: "hash-size a b", fault: "1 or more"},
		{text: "dh missing.pem", fault: `x.conf:7: dh "missing.pem": cannot be read`},
		{text: "dh ca.crt", fault: "DH PARAMETERS"},
		{text: `push "route 10.0.0.0 255.0.0.0,route 11.0.0.0 255.0.0.0"`, fault: "has a comma"},
		{text: `setenv opt push "echo a,b"`, fault: "has a comma"},
		{text: "push \"echo a\x1b[1mb\"", fault: "x.conf:7: push \"echo a\\x1b[1mb\": has a control character"},
		{text: "push \"echo a\x07\"", fault: "has a control character"},
		{text: "push", fault: "a value is missing"},
		{text: "oidc-issuer http://sso.example.org", fault: "could answer in the provider's place"},
		{text: "oidc-issuer sso.example.org", fault: "the provider's URL"},
		{text: "oidc-issuer https://sso.example.org", fault: "add the line: oidc-client ID SECRET-FILE"},
		{text: "oidc-issuer https://sso.example.org\noidc-client a missing.pem", fault: "cannot be read"},
		{text: "oidc-client a", fault: "add the line: oidc-issuer URL"},
		{text: "oidc-issuer https://sso.example.org\noidc-client a", fault: "add the lines: web-listen"},
		{text: "web-listen *:8443\nweb-url https://vpn.example\noidc-issuer http://127.0.0.1:9\noidc-client a\noidc-admit staff", fault: "add the line: oidc-groups CLAIM"},
		{text: "oidc-issuer http://127.0.0.1:9\noidc-client a\noidc-admit any staff", fault: "write any alone"},
		{text: "dashboard-listen *:8444", fault: "add the line: dashboard-url"},
		{text: "api-listen *:8445", fault: "write an address of this host in place of *"},
		{text: "api-listen 8445", fault: "expected an address and a port"},
		{text: "api-listen 192.0.2.1:8445 cert", fault: "name both files"},
		{text: "api-listen 192.0.2.1:8444\ndashboard-listen *:8444\ndashboard-url https://vpn.example.org", fault: "dashboard-listen has the same port"},
		{text: "api-listen *:8443\nweb-listen 192.0.2.1:8443\nweb-url https://vpn.example.org:8443", fault: "web-listen has the same port"},
		{text: "metrics-listen 127.0.0.1:7505\nmanagement 127.0.0.1 7505", fault: "management has the same port; write another port, such as 9176"},
		{text: "metrics-listen 0.0.0.0:9176\napi-listen 192.0.2.1:9176", fault: "api-listen has the same port; write another port, such as 9186"},
		{text: "metrics-listen 127.0.0.1:443\nproto tcp-server\nport 443", fault: "clients come to the same port, over TCP"},
		{text: "metrics-listen 127.0.0.1:443\nproto tcp-server\nport 443\nlocal 192.0.2.1", note: ""},
		{text: "dashboard-listen 8444", fault: "expected an address and a port"},
		{text: "dashboard-listen *:8444 cert", fault: "name both files"},
		{text: "dashboard-url https://vpn.example.org", note: "add the line: dashboard-listen"},
		{text: "dashboard-admit admins operate", note: "add the line: dashboard-listen"},
		{text: "dashboard-listen 127.0.0.1:8444\ndashboard-admit admins all", fault: "expected read, operate or administer"},
		{text: "dashboard-listen 127.0.0.1:8444\ndashboard-admit a/b read", fault: "the name of a group"},
		{text: "dashboard-listen *:8444\ndashboard-url http://vpn.example.org", fault: "http:// is for localhost alone"},
		{text: "dashboard-listen *:8444\ndashboard-url http://localhost:8444", fault: "write https:// there"},
		{text: "dashboard-listen *:8443\nweb-listen 192.0.2.1:8443\nweb-url https://vpn.example.org:8443", fault: "web-listen has the same port"},
		{text: "dashboard-listen *:8444\ndashboard-url https://b.example\nweb-listen *:8443\nweb-url https://a.example", fault: "one certificate of the server's own authority"},
		{text: "log-level login debug", fault: "a subsystem: process, session, tls,"},
		{text: "log-level access verbose", fault: "error, warn, info or debug"},
		{text: "log-level access", fault: "a value is missing"},
		{text: "trace-to collector:4318", fault: "such as http://127.0.0.1:4318"},
		{text: "trace-to grpc://collector:4317", fault: "such as http://127.0.0.1:4318"},
		{text: "trace-to http://anna:secret@collector:4318", fault: "without a user"},
		{text: "trace-to http://collector:99999", fault: "the URL of a collector"},
		{text: "trace-to https:///v1/traces", fault: "the URL of a collector"},
		{text: "metrics-listen 9176", fault: "an address and a port"},
		{text: "metrics-listen 127.0.0.1:9176\nmetrics-per client", fault: "user or device"},
		{text: "metrics-listen 127.0.0.1:9176\nmetrics-names kumina", fault: "culvert or openvpn_exporter"},
		{text: "metrics-per user", fault: "add the line: metrics-listen 127.0.0.1:9176"},
		{text: "metrics-names openvpn_exporter", fault: "add the line: metrics-listen 127.0.0.1:9176"},
		{text: "log-format xml", fault: "text, logfmt or json"},
		{text: "log-journal yes", fault: "auto, on or off"},
		{text: "history 30", fault: "expected days and a number"},
		{text: "history off 30", fault: "or off"},
		{text: "history days 0", fault: "write history off"},
		{text: "history days 30\nhistory-anonymise 30", fault: "write fewer days"},
		{text: "history off\nhistory-anonymise 3", fault: "remove this line, or history off"},
		{text: "history-anonymise soon", fault: "a number of days"},
		{text: "history-anonymise 7 all", fault: "or names, to replace them by keyed hashes"},
		{text: "accounting-interval 10\naccounting-log x", fault: "seconds from 60"},
		{text: "accounting-radius", fault: "a value is missing"},
		{text: "accounting-radius a pass.txt\nsign-in-radius-name gate"},
		{text: "accounting-log x\nsign-in-radius-name gate", fault: "add a line sign-in-radius or accounting-radius"},
		{text: "accounting-radius a:0 pass.txt", fault: "a host, or host:port"},
		{text: "accounting-radius a missing.pem", fault: "cannot be read"},
		{text: "oidc-user email @example.org", fault: "a domain, such as example.org"},
	} {
		l.try(t, serverLines)
	}
}

// TestWhatIsIgnoredDoesNothing: a server's program is not a client's, and not
// asked about.
func TestWhatIsIgnoredDoesNothing(t *testing.T) {
	c, err := ParseFile("x.conf", []byte(clientLines+"script-security 2\ntls-crypt-v2-verify check.sh\n"), readTest)
	if err != nil || len(c.Touches()) > 0 || len(c.Programs()) > 0 {
		t.Errorf("%v, touches %v, programs %v", err, c.Touches(), c.Programs())
	}
}

// TestCompatMode: as OpenVPN's manual has it, up to 2.4 `cipher` is offered too.
func TestCompatMode(t *testing.T) {
	for version, want := range map[string]int{"2.4.0": 2, "2.3.2": 2, "2.5.0": 1, "2.8.0": 1} {
		c, err := ParseFile("x.conf", []byte(clientLines+"data-ciphers AES-256-GCM\ncipher AES-256-CBC\ncompat-mode "+version+"\n"), readTest)
		if err != nil || len(c.Data.Ciphers) != want {
			t.Errorf("%s: %v, ciphers %v", version, err, c.Data.Ciphers)
		}
	}
}

// TestOptionalMeansUnknown: `setenv opt` and ignore-unknown-option are for
// directives that are unknown, not for a check that is written wrongly.
func TestOptionalMeansUnknown(t *testing.T) {
	for _, l := range []line{
		{text: "setenv opt nosuch x", note: "optional, so ignored: nosuch: unknown"},
		{text: "setenv opt --nosuch x", note: "optional, so ignored: nosuch: unknown"},
		{text: "setenv opt up /bin/true", fault: "script-security 1 does not allow programs"},
		{text: "ignore-unknown-option nosuch\nnosuch x", note: "nosuch: unknown"},
		{text: "setenv FORWARD_COMPATIBLE 1\nnosuch x", note: "nosuch: unknown"},
		{text: "setenv opt verify-x509-name srv neme", fault: `verify-x509-name "neme"`},
		{text: "setenv opt remote-cert-tls servr", fault: `remote-cert-tls "servr"`},
		{text: "setenv opt remote-cert-tls server now", fault: `remote-cert-tls "now"`},
		{text: "setenv opt tls-version-min 1.9", fault: `tls-version-min "1.9"`},
		{text: "setenv opt ifconfig-push 10.8.0.2 10.8.0.1", fault: "may not stand"},
		{text: "setenv opt data-ciphers none", fault: "not be encrypted"},
		{text: "setenv opt ca missing", fault: `ca "missing": cannot be read`},
		{text: "ignore-unknown-option remote-cert-tls\nremote-cert-tls servr", fault: `remote-cert-tls "servr"`},
		{text: "setenv FORWARD_COMPATIBLE 1\nremote-cert-tls servr", fault: `remote-cert-tls "servr"`},
	} {
		l.try(t, clientLines)
	}
	for _, l := range []line{
		{text: "setenv opt plugin auth.so", fault: "would let anybody in"},
		{text: "setenv opt verify-hash 00:11", fault: "verify-hash: refused"},
		{text: "ignore-unknown-option verify-hash\nverify-hash 00:11", fault: "verify-hash: refused"},
		{text: "setenv opt management-client-pf", fault: "filter packets in the firewall"},
		{text: "ignore-unknown-option plugin\nplugin auth.so", fault: "would let anybody in"},
		{text: "ignore-unknown-option scramble\nscramble obfuscate", note: "scramble: a patch"},
		{text: "ignore-unknown-option client-connect\nclient-connect check.sh", note: "script-security 1 does not allow programs"},
	} {
		l.try(t, serverLines)
	}
}

// TestGivenTwice: of two lines that say different things about one setting, it
// is said which counts.
func TestGivenTwice(t *testing.T) {
	const counts = "; this one counts"
	for _, l := range []line{
		{text: "verb 4\nverb 3", note: "x.conf:9: verb: given before, in x.conf:8" + counts},
		{text: "dev tun1", note: "x.conf:8: dev: given before, in x.conf:2" + counts},
		{text: "data-ciphers AES-256-GCM\nncp-ciphers AES-128-GCM", note: "ncp-ciphers: given before, in x.conf:8, as data-ciphers" + counts},
		{text: "<ca>\n" + pem + "#\n</ca>", note: "x.conf:8: ca: given before, in x.conf:4" + counts},
		{text: "<ca>\n" + pem + "</ca>\n<ca>\n" + pem + "#\n</ca>", note: "x.conf:13: ca: given before, in x.conf:8" + counts},
		{text: "verb 3\nverb 3"},
		{text: "data-ciphers AES-256-GCM\nncp-ciphers AES-256-GCM"},
		{text: "float\nfloat"},
		{text: "remote b\nremote c 443 tcp"},
		{text: "route 10.1.0.0 255.255.0.0\nroute 10.2.0.0 255.255.0.0"},
		{text: "tls-auth [inline] 1\n<tls-auth>\n" + testFiles["ta.key"] + "</tls-auth>"},
		{text: "persist-key\npersist-key"},
	} {
		l.try(t, clientLines)
	}
	c, err := ParseArgs([]string{"--config", "common.conf", "--verb", "5", "--client", "--remote", "a", "--cert", "client.crt", "--key", "client.key", "--remote-cert-tls", "server"}, readTest)
	if err != nil || len(c.Notes) > 0 {
		t.Errorf("what the command line says after a file is meant: %v", err)
	}
}

// TestRunTogether: where a line break was lost, it is said, or the meaning is
// plain and taken.
func TestRunTogether(t *testing.T) {
	before := func(name string) string {
		return "two lines seem to be run together here: begin a new one before " + name
	}
	for _, l := range []line{
		{text: "remote b 1194proto udp", fault: before("proto")},
		{text: "verb 3mute 20", fault: before("mute")},
		{text: "dev tunproto udp", fault: before("proto")},
		{text: "cipher AES-256-GCMauth SHA256", fault: before("auth")},
		{text: "cipher AES-256-GCMnobind", fault: before("nobind")},
		{text: "resolv-retry infinitenobind", fault: before("nobind")},
		{text: "persist-keypersist-tun", fault: "end the first after persist-key, and begin the next with persist-tun"},
		{text: "nobindca ca.crt", fault: "end the first after nobind, and begin the next with ca"},
		{text: "verb 3 mute 20", fault: before("mute")},
		{text: "remote-cert-tls servr", fault: "expected server or client"},
		{text: "<tls-auth>\n" + testFiles["ta.key"] + "</tls-auth>key-direction 1", note: "taken as a line of its own: key-direction"},
		{text: "<tls-auth>\n" + testFiles["ta.key"] + "</tls-auth><extra-certs>\n" + pem + "</extra-certs>", note: "taken as a line of its own: extra-certs"},
		{text: "verb 3<tls-auth>\n" + testFiles["ta.key"] + "</tls-auth>", note: "<tls-auth> is taken as a line of its own"},
		{text: "<tls-auth>\n" + testFiles["ta.key"] + "</tls-auth> and more", note: "ignored: and"},
		{text: "<tls-auth>\n" + testFiles["ta.key"] + "</tls-auth><tsl>\n</tsl>", fault: "<tsl>: unknown directive"},
		{text: pem, fault: "x.conf:8: a certificate or a key outside of a block"},
	} {
		l.try(t, clientLines)
	}
}

// TestCurlyQuotes: word processors put them where they quote nothing.
func TestCurlyQuotes(t *testing.T) {
	for _, l := range []line{
		{text: "ca “ca.crt”", fault: "curly quotes"},
		{text: "verify-x509-name ‘server’ name", fault: "curly quotes"},
		{text: "remote “vpn.example.org” 1194", fault: "curly quotes"},
		{text: "auth-user-pass “pass.txt", fault: "curly quotes"},
		{text: "pull-filter ignore \"route”", fault: "the quotes after it are curly"},
		{text: "setenv NOTE “hello”"},
		{text: "verify-x509-name \"Mike’s server\" name"},
	} {
		l.try(t, clientLines)
	}
	line{text: "push “route 10.0.0.0 255.0.0.0”", fault: "curly quotes"}.try(t, serverLines)
}

// TestOtherFormats: a file that is something else has one fault, which says
// what it is.
func TestOtherFormats(t *testing.T) {
	for text, want := range map[string]string{
		"<!DOCTYPE html>\n<html><head><title>Log in</title></head>\n<body>\n": "a web page",
		"\n\n  <html lang=en>\n<p>\n":                                         "a web page",
		"\xef\xbb\xbf<!doctype html>\n":                                       "a web page",
		"<?xml version=\"1.0\"?>\n<Error>\n":                                  "an XML document",
		"{\"error\": \"not found\"}\n":                                        "JSON",
		"[Interface]\nPrivateKey = x\n":                                       "another program's",
		"PK\x03\x04\x14\x00\x08\x00":                                          "a ZIP archive",
		"\x1f\x8b\x08\x00\x00\x00":                                            "packed by gzip",
		"\xff\xfec\x00l\x00i\x00":                                             "UTF-16",
		"\xfe\xff\x00c\x00l\x00i":                                             "UTF-16",
		"c\x00l\x00i\x00e\x00n\x00t\x00\n\x00d\x00":                           "UTF-16",
		"\x00c\x00l\x00i\x00e\x00n\x00t\x00\n\x00d":                           "UTF-16",
		"%PDF-1.7\n":    "a PDF",
		"{\\rtf1\\ansi": "word processor",
		pem:             "a certificate or a key",
	} {
		_, err := ParseFile("x.ovpn", []byte(text), readTest)
		var all *FaultsError
		if !errors.As(err, &all) || !strings.Contains(all.Faults[0].Error(), want) || !strings.HasPrefix(err.Error(), "x.ovpn:1: ") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if all != nil && len(all.Faults) != 1 {
			t.Errorf("%q: %d faults: %v", text, len(all.Faults), err)
		}
	}
}

// TestPushedFaultsEndNothing: as with OpenVPN 2.6, no option that a server
// pushes wrongly keeps a client from what the others ask for.
func TestPushedFaultsEndNothing(t *testing.T) {
	base := plainest(t)
	for option, want := range map[string]string{
		"redirect-gateway def1 some-new-flag":    `some-new-flag is unknown`,
		"redirect-gateway some-new-flag def1":    `some-new-flag is unknown`,
		"redirect-private foo":                   "foo is unknown and ignored",
		"topology foo":                           `topology "foo"`,
		"tun-mtu 50":                             `tun-mtu "50"`,
		"tun-mtu abc":                            `tun-mtu "abc"`,
		"tun-mtu 1400 x y":                       `tun-mtu "y"`,
		"comp-lzo foo":                           `comp-lzo "foo"`,
		"compress lz5":                           `compress "lz5"`,
		"ifconfig-ipv6 foo":                      "ifconfig-ipv6",
		"ifconfig-ipv6 fd00::2/64 bar":           "ifconfig-ipv6",
		"ifconfig foo bar":                       "ifconfig",
		"ifconfig 10.8.0.2":                      "ifconfig",
		"dns server 0 resolve-domains a.example": "server 0 has no address",
		"dns server 0 address foo":               `dns "foo"`,
		"block-ipv6 yes please":                  "takes no value",
		"persist-key yes":                        "takes no value",
	} {
		options := []string{"topology subnet", "ifconfig 10.8.0.6 255.255.255.0", option}
		c, notes, err := ParsePushed(base, options)
		if err != nil || c.Adapter.Ifconfig == nil || c.Adapter.Ifconfig.Local.String() != "10.8.0.6" {
			t.Errorf("%s: %v", option, err)
			continue
		}
		if len(notes) != 1 || !strings.Contains(notes[0].Text, want) {
			t.Errorf("%s: %v, want %q", option, notes, want)
		}
		if redirects := strings.Contains(option, "redirect"); redirects != (c.Routing.RedirectGateway != nil) {
			t.Errorf("%s: redirect-gateway is %+v", option, c.Routing.RedirectGateway)
		}
		if len(c.Routing.DNS.Servers) != 0 {
			t.Errorf("%s: %+v", option, c.Routing.DNS.Servers)
		}
	}
}
