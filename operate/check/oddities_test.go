package check

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// oddity is something that files of real people have, and the fixture that has it.
type oddity struct {
	what    string
	fixture string
	shows   []string // patterns of the fixture
	said    string   // a pattern of what the report says; "" where nothing need be
}

// oddities are what a survey of public configuration files found.
var oddities = []oddity{
	{"tls-client and pull in place of client, no check of the server, CRLF and LF", "synology.ovpn", []string{`(?m)^tls-client`, `(?m)^pull`, "[^\r]\n", "\r\n"}, `server's certificate|taken for the server`},
	{"CLIENT_CERT, a bare exit notice, port 0, blanks at the end, one bare LF", "pfsense.ovpn", []string{`setenv CLIENT_CERT 0`, "(?m)^explicit-exit-notify\r?$", `(?m)^lport 0`, " \r?\n", "[^\r]\n"}, ""},
	{"a whole subject, a challenge, a direction behind its block, no newline at the end", "opnsense.ovpn", []string{`verify-x509-name ".*" subject`, `static-challenge ".*" 1`, `(?s)</tls-auth>.*key-direction 1`, `[^\n]$`}, ""},
	{"a device of another name", "opnsense-server.conf", []string{`dev ovpns1`, `dev-type`, `dev-node`, `nopool`}, ""},
	{"a block with the key of tokens", "token-server.conf", []string{`<auth-gen-token-secret>`}, ""},
	{"single quotes, proto twice, a gateway and a metric in a pushed route", "merlin-server.conf", []string{`up '.* .*'`, `(?s)proto udp\s.*proto udp4`, `push "route .* vpn_gateway 500"`}, "proto"},
	{"words of a web form in place of a certificate", "pasted-here.ovpn", []string{`(?i)paste.*certificate`}, "expected a PEM block"},
	{"a port of its own, a certificate's type", "ipfire.ovpn", []string{`ns-cert-type server`, `(?m)^port `, `(?m)^remote \S+\s*$`}, "ns-cert-type"},
	{"one CRLF, a push without quotes, a semicolon's comment", "ipfire-server.conf", []string{"\r\n", "[^\r]\n", `(?m)^push redirect-gateway`, `(?m)^;local`}, ""},
	{"a port of its own, metadata and a signature in comments, PEM in comments", "access-server.ovpn", []string{`(?m)^port `, `# OVPN_ACCESS_SERVER`, `(?m)^## `, `(?m)^#.*-----BEGIN`}, ""},
	{"a random label, signing on by SAML", "aws.ovpn", []string{`remote-random-hostname`, `auth-federate`}, "SAML"},
	{"a literal star in a name", "azure.ovpn", []string{`verify-x509-name '?\*\.`}, ""},
	{"an optional directive with a comment behind it", "angristan.ovpn", []string{`setenv opt block-outside-dns #`}, ""},
	{"three directives for ciphers, tun-ipv6 pushed", "angristan-server.conf", []string{`(?m)^cipher `, `(?m)^data-ciphers `, `(?m)^ncp-ciphers `, `push tun-ipv6`}, ""},
	{"comments among fingerprints", "fingerprints.ovpn", []string{`(?s)<peer-fingerprint>.*# `}, ""},
	{"a text dump before a certificate", "dump.ovpn", []string{`(?s)<c(a|ert)>\s*Certificate:.*Version: 3.*-----BEGIN`}, ""},
	{"[inline] in a line", "inline-word.ovpn", []string{`\[inline\]`}, ""},
	{"a direction before its block", "direction.ovpn", []string{`(?s)(key-direction 1|tls-auth \S+ 1).*<tls-auth>`}, ""},
	{"a direction of nothing", "no-direction.ovpn", []string{`key-direction 1`}, ""},
	{"many servers", "many-remotes.ovpn", []string{`(?s)(remote .*){3}`, `remote-random`}, ""},
	{"marks of a merge", "conflict.ovpn", []string{`(?m)^<<<<<<< `}, "merge conflict"},
	{"a closing tag that opens", "closing-opens.ovpn", []string{`(?m)^</tls-crypt>`}, "closes a block|never closed"},
	{"a tag and its text in one line", "glued.ovpn", []string{`<ca>-----BEGIN`}, "text on the line of"},
	{"two lines run together", "merged.ovpn", []string{`::1ping-restart`}, "run together"},
	{"misspelt names", "misspelt.ovpn", []string{`chiper|rremote-cert-tls`, `setenv_safe`}, "did you mean"},
	{"an injected host header, no cipher, no digest", "injection.ovpn", []string{`cipher none`, `auth none`, `keysize 0`, `remote \S+:443`, `CUSTOM-HEADER`, `AGENT \S+ \S+`}, "leaves nothing open"},
	{"tuning that changes nothing here", "tuning.ovpn", []string{`auth-nocache`, `route-delay`, `mute-replay-warnings`, `hand-window`, `persist-remote-ip`, `ping-timer-rem`, `txqueuelen`}, ""},
	{"sizes", "sizes.ovpn", []string{`fragment`, `link-mtu|tun-mtu-extra`, `mssfix`}, ""},
	{"a large MTU", "huge-mtu.ovpn", []string{`tun-mtu 48000`}, ""},
	{"a server's lines in a profile", "server-lines.ovpn", []string{`(?m)^push `, `(?m)^topology`, `(?m)^keepalive`, `client-cert-not-required`}, "only means something on a"},
	{"a client's lines at a server", "client-lines-server.conf", []string{`(?m)^(nobind|resolv-retry|client)`}, ""},
	{"a server with a remote", "client-remote-server.conf", []string{`(?m)^remote `}, ""},
	{"no topology, and a pair of addresses for a client", "no-topology-server.conf", []string{`(?m)^server `, `client-config-dir`}, "topology"},
	{"paths of Windows", "windows-paths.ovpn", []string{`"C:\\\\.*"`, `'C:\\[^\\].*'`}, ""},
	{"a pool that is kept, and names that come twice", "token-server.conf", []string{`(?m)^duplicate-cn`, `(?m)^ifconfig-pool-persist`}, "duplicate-cn"},
	{"relative names", "relative-server.conf", []string{`(?m)^(status|log) [^/]`, `client-config-dir [^/]`}, ""},
	{"passwords by PAM", "pam-server.conf", []string{`plugin \S*auth-pam.so`}, "PAM|plugin"},
	{"passwords by LDAP", "ldap-server.conf", []string{`plugin \S*ldap`}, "LDAP|plugin"},
	{"management for everybody", "management-server.conf", []string{`management 0\.0\.0\.0 \d+\s*$`}, "password"},
	{"a digest beside an AEAD cipher", "auth-gcm.ovpn", []string{`auth sha`, `GCM`}, "tls-auth"},
	{"key usages spelt out", "eku.ovpn", []string{`remote-cert-eku "TLS Web Server Authentication"`}, ""},
}

// TestOddities: each oddity has a fixture that really has it, and a report that says what
// is to be said.
func TestOddities(t *testing.T) {
	for _, o := range oddities {
		text, err := os.ReadFile(filepath.Join("testdata", o.fixture))
		if err != nil {
			t.Errorf("%s: %v", o.what, err)
			continue
		}
		for _, pattern := range o.shows {
			if !regexp.MustCompile(pattern).Match(text) {
				t.Errorf("%s: %s has no %s", o.what, o.fixture, pattern)
			}
		}
		report, err := os.ReadFile(filepath.Join("testdata", o.fixture+".txt"))
		if err != nil || !regexp.MustCompile(o.said).Match(report) {
			t.Errorf("%s: the report on %s does not say %q: %v", o.what, o.fixture, o.said, err)
		}
	}
}
