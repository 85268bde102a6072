package config

import (
	"io/fs"
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
	line{text: "remote h [port]", note: "[port] is no port, so h will not be reached"}.try(t, clientLines)
	line{text: "remote h 70000", note: "70000 is no port"}.try(t, clientLines)
	line{text: "remote h \"4 5\"", fault: "expected a port"}.try(t, clientLines)
	line{text: "remote \"a b\" 1194", fault: "expected a host's name or address"}.try(t, clientLines)
	line{text: "dev tun\nifconfig 10.0.0.1 10.0.0.2\nremote a\nsecret ta.key\ncipher AES-256-CBC", note: "OpenVPN 2.7 needs the line: allow-deprecated-insecure-static-crypto"}.try(t, "")
	line{text: "dev-node MyTap", note: "MyTap is the name of an adapter on Windows, and not used"}.try(t, serverLines)
	line{text: "ifconfig 10.9.0.1 10.9.0.2\ntopology net30", note: "server gives this adapter its address"}.try(t, serverLines)
}

// TestStartsWithWhatStockSkips: lines that OpenVPN 2.5, 2.6 or 2.7 starts with, and that
// mean nothing to it or to us.
func TestStartsWithWhatStockSkips(t *testing.T) {
	for _, l := range []line{
		{text: "auth-token x", note: "auth-token: ignored: it only means something in what a server pushes"},
		{text: "auth-token-user x", note: "auth-token-user: ignored"},
		{text: "peer-id 3", note: "peer-id: ignored"},
		{text: "key-derivation tls-ekm", note: "key-derivation: ignored"},
		{text: "protocol-flags cc-exit", note: "protocol-flags: ignored"},
		{text: "push-continuation 1", fault: "may not stand"},
		{text: "engine", note: "no OpenSSL here"},
		{text: "engine pkcs11", note: "management-external-key"},
		{text: "memstats f", note: "write status FILE"},
		{text: "no-replay", note: "replayed packets are always dropped"},
		{text: "auth 256", note: "read as SHA256"},
		{text: "dhcp-option DNS 10.8.0.1;", note: "taken as a comment"},
		{text: "dhcp-option DNS 10.8.0;", fault: "expected an IPv4 or IPv6 address"},
		{text: "setenv FORWARD_COMPATIBLE 1\nsetenv UV_X a b", note: "ignored, as this configuration asks"},
		{text: "setenv UV_X a b\nignore-unknown-option setenv", note: "more values than it takes"},
		{text: "setenv UV_X a b", fault: "put the value in quotes"},
		{text: "setenv opt txqueuelen 1 2", note: "optional, so ignored: txqueuelen"},
		{text: "setenv opt verb", note: "a value is missing"},
		{text: "setenv FORWARD_COMPATIBLE 1\nuser nobody nogroup", fault: "more values than it takes"},
		{text: "setenv FORWARD_COMPATIBLE 1\nverify-x509-name a b c", fault: "more values than it takes"},
		{text: "dns-updown /bin/true", note: "dns-updown: not run, since script-security 1"},
		{text: "dev \"a\tb\"", fault: "up to 15 characters"},
	} {
		l.try(t, clientLines)
	}
	line{text: "<connection>\nremote b\nprng SHA1 16\nmax-routes 5\ndisable-dco\n</connection>", note: "since there are <connection> blocks"}.try(t, clientLines)
	for _, l := range []line{
		{text: "server 10.9.0.0 255.255.255.0 nopool", note: "no client gets an address"},
		{text: "script-security 2\nclient-connect /bin/true\nserver 10.9.0.0 255.255.255.0 nopool", note: "given before"},
		{text: "client-crresponse /bin/true", note: "not run, since no program checks passwords"},
		{text: "auth-gen-token-secret missing.key", note: "not used without auth-gen-token"},
		{text: "setenv FORWARD_COMPATIBLE 1\nclient-config-dir ccd exclusive", fault: "more values than it takes"},
		{text: "auth-gen-token\nauth-gen-token-secret missing.key", fault: "cannot be read"},
	} {
		l.try(t, serverLines)
	}
	line{text: "no-replay", fault: "could be replayed"}.try(t, "dev tun\nifconfig 10.0.0.1 10.0.0.2\nremote a\nsecret ta.key\ncipher AES-256-CBC\n")
}

// TestLongNote: a long value fills no log.
func TestLongNote(t *testing.T) {
	c, err := ParseFile("x.conf", []byte(clientLines+"ecdh-curve "+strings.Repeat("9", 1<<16)+"\n"), readTest)
	if err != nil || len(c.Notes) != 1 || len(c.Notes[0].Text) > 200 {
		t.Errorf("%.200v, %v", c, err)
	}
}

// TestUnreadableNames: a name from the command line breaks no line of the log, and fills none.
func TestUnreadableNames(t *testing.T) {
	for _, name := range []string{"a\nb", strings.Repeat("a/", 4000)} {
		_, err := ParseArgs([]string{"--client", "--remote", "a", "--auth-user-pass", "--ca", name}, func(n string) ([]byte, error) {
			return nil, &fs.PathError{Op: "open", Path: n, Err: fs.ErrNotExist}
		})
		if err == nil || strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "cannot be read: ") {
			t.Errorf("%v", err)
		}
	}
}
