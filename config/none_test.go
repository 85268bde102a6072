package config

import (
	"slices"
	"strings"
	"testing"
)

// TestNone: `cipher none` and `auth none` open no tunnel by themselves. With both on
// both sides OpenVPN 2.6 negotiates AES-256-GCM; so it is here. Where OpenVPN would send
// in the clear, or unauthenticated, the line is refused.
func TestNone(t *testing.T) {
	static := "dev tun\nifconfig 10.0.0.1 10.0.0.2\nremote a\nallow-deprecated-insecure-static-crypto\nsecret ta.key\n"
	for _, base := range []string{clientLines, serverLines} {
		line{text: "cipher none", note: "none is ignored: one of AES-256-GCM:"}.try(t, base)
		line{text: "auth none"}.try(t, base)
		line{text: "cipher none\nauth none\ndata-ciphers AES-256-GCM:AES-256-CBC", note: "AES-256-CBC is not used"}.try(t, base)
		line{text: "auth none\ncipher AES-128-CBC", note: "AES-128-CBC is not used"}.try(t, base)
		line{text: "auth none\ndata-ciphers AES-256-CBC:AES-128-CBC", fault: "not be authenticated"}.try(t, base)
		line{text: "auth none\ntls-auth ta.key 1", fault: "tls-auth authenticates"}.try(t, base)
		line{text: "cipher none\nncp-disable", fault: "not be encrypted"}.try(t, base)
		line{text: "data-ciphers none", fault: "not be encrypted"}.try(t, base)
		line{text: "data-ciphers-fallback none", fault: "not be encrypted"}.try(t, base)
	}
	line{text: "cipher none", fault: "not be encrypted"}.try(t, static)
	line{text: "cipher AES-256-CBC\nauth none", fault: "not be authenticated"}.try(t, static)

	for _, text := range []string{"cipher none\nauth none", "cipher none\nauth none\ncipher AES-256-CBC", "auth none\ndata-ciphers AES-128-GCM:AES-256-CBC\ndata-ciphers-fallback AES-256-CBC"} {
		c, err := ParseFile("x.conf", []byte(clientLines+text+"\n"), readTest)
		if err != nil {
			t.Fatal(text, err)
		}
		for _, name := range append(slices.Clone(c.Data.Ciphers), c.Data.Fallback) {
			if name == "NONE" || strings.HasSuffix(name, "-CBC") {
				t.Errorf("%s: offers %s", text, name)
			}
		}
		if len(c.Data.Ciphers) == 0 {
			t.Errorf("%s: offers nothing", text)
		}
	}
}

// TestNoneOfOne: a client's own file cannot open its tunnel either.
func TestNoneOfOne(t *testing.T) {
	server, err := ParseFile("x.conf", []byte(serverLines), readTest)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ParsePerClient(server, "anna", []byte("cipher none\n"))
	if err != nil || own.Fallback != "" || own.Ciphers != nil || len(own.Notes) != 1 || !strings.Contains(own.Notes[0].Text, "none is ignored") {
		t.Errorf("%+v, %v", own, err)
	}
	if _, err := ParsePerClient(server, "anna", []byte("data-ciphers none\n")); err == nil {
		t.Error("data-ciphers none is taken")
	}
}

// TestAsStockStarts: lines of real files that OpenVPN 2.6 starts with.
func TestAsStockStarts(t *testing.T) {
	line{text: "tls-ciphersuites TLS-AES-256-GCM-SHA384:TLS-CHACHA20-POLY1305-SHA256", note: "not used"}.try(t, clientLines)
	line{text: "tls-ciphersuites TLS-FOO", fault: "expected suites"}.try(t, clientLines)
	line{text: "ifconfig 10.8.0.1 10.8.0.2", note: "server gives this adapter its address"}.try(t, serverLines)
	for _, service := range []string{"login", "/etc/pam.d/login", "/etc/pam.d/LOGIN"} {
		c, err := ParseFile("x.conf", []byte(serverLines+"plugin openvpn-plugin-auth-pam.so "+service+"\n"), readTest)
		if err != nil || len(c.Login.Plugins) != 1 || c.Login.Plugins[0].Service != "login" {
			t.Errorf("%s: %v", service, err)
		}
	}
	line{text: "client-disconnect /bin/true\ndown /bin/true", note: "client-disconnect: not run, since script-security 1"}.try(t, serverLines)
	line{text: "down /bin/true\nroute-pre-down /bin/true", note: "down: not run"}.try(t, clientLines)
	line{text: "client-connect /bin/true\nclient-disconnect /bin/true", note: "client-connect: not run, which counts as its refusal: script-security 1 does not allow programs"}.try(t, serverLines)
	line{text: "tls-verify /bin/true", note: "tls-verify: not run, which counts as its refusal"}.try(t, clientLines)
	line{text: "script-security 2\nauth-user-pass-verify /bin/true via-env", note: "script-security 2 keeps the password from the program"}.try(t, serverLines)
	line{text: "script-security 3\nauth-user-pass-verify /bin/true via-env"}.try(t, serverLines)
	line{text: "script-security 2\nauth-user-pass-verify /bin/true via-file"}.try(t, serverLines)
	line{text: "remote 203.0.113.7:80@example.org 1194", note: "203.0.113.7:80@example.org is no host's name or address, so it will not be reached"}.try(t, clientLines)
	line{text: "remote <server-ip> 1194 udp", note: "<server-ip> is no host's name"}.try(t, clientLines)
	line{text: "remote \"a b\" 1194", fault: "expected a host's name or address"}.try(t, clientLines)
	line{text: "dev tun\nifconfig 10.0.0.1 10.0.0.2\nremote a\nsecret ta.key\ncipher AES-256-CBC", note: "OpenVPN 2.7 needs the line: allow-deprecated-insecure-static-crypto"}.try(t, "")
	line{text: "dev-node MyTap", note: "MyTap is the name of an adapter on Windows, and not used"}.try(t, serverLines)
	line{text: "ifconfig 10.9.0.1 10.9.0.2\ntopology net30", note: "server gives this adapter its address"}.try(t, serverLines)
}
