//go:build interop

package interop

import (
	"crypto/x509"
	"path/filepath"
	"regexp"
	"testing"
)

// TestAlertsAtStock: a stock client reads in our server's alert why it is
// refused, with each suite of TLS 1.3 and with TLS 1.2.
func TestAlertsAtStock(t *testing.T) {
	t.Parallel()
	k := keys(t)
	h := newHosts(t)
	h.s.run(ours, h.s.serverConfig(serverParty(t, plain))).up()
	for _, c := range []struct {
		identity identity
		line     string
		alert    string
	}{
		{k.expired.client, "tls-ciphersuites TLS_AES_128_GCM_SHA256", "certificate expired"},
		{k.strangerClient, "tls-ciphersuites TLS_AES_256_GCM_SHA384", "unknown CA"},
		{k.expired.client, "tls-ciphersuites TLS_CHACHA20_POLY1305_SHA256", "certificate expired"},
		{k.strangerClient, "tls-version-max 1.2", "unknown CA"},
	} {
		party := clientParty(t, plain, c.line)
		party.identity = c.identity
		client := h.c.run(stock, h.c.clientConfig(party, h.w.b4))
		client.expect(regexp.MustCompile(`fatal SSL alert: `+c.alert), 1, patience)
		client.kill()
	}
}

// TestRefusedClientLearnsWhy: our client with a certificate of another authority
// says so itself where the server is stock and falls silent, and hears it from
// ours.
func TestRefusedClientLearnsWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		server implementation
		want   string
	}{
		{stock, `this side's certificate is of the authority .*CN=stranger CA.*takes those of .*CN=culvert interop CA`},
		{ours, `does not trust the authority of this side's certificate \(unknown_ca\)`},
	} {
		t.Run(c.server.name, func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			h.s.run(c.server, h.s.serverConfig(serverParty(t, plain))).up()
			party := clientParty(t, plain)
			party.identity = keys(t).strangerClient
			h.c.run(ours, h.c.clientConfig(party, h.w.b4)).expect(regexp.MustCompile(c.want), 1, patience)
		})
	}
}

// TestTLSLines: lines of the field about TLS keep nobody from connecting while a
// way is left, and have a word in the log.
func TestTLSLines(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	h.s.run(stock, h.s.serverConfig(serverParty(t, plain))).up()
	for line, note := range map[string]string{
		"tls-cipher TLS-DHE-RSA-WITH-AES-256-CBC-SHA:TLS-DHE-RSA-WITH-CAMELLIA-256-CBC-SHA": `elliptic kind \(ECDHE\) are offered`,
		"tls-cipher HIGH:!aNULL:!eNULL":                             ``,
		"tls-cipher DEFAULT:@SECLEVEL=0":                            `SHA-1, AND SHORT KEYS, ARE TAKEN`,
		"ecdh-curve brainpoolP384r1":                                `ecdh-curve brainpoolP384r1: not available here`,
		"tls-groups brainpoolP256r1:secp384r1":                      `brainpoolP256r1 not available here`,
		"tls-cipher ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-SHA": `DHE-RSA-AES256-SHA not available here`,
	} {
		client := h.c.run(ours, h.c.clientConfig(clientParty(t, plain, line), h.w.b4)).up()
		if note != "" {
			client.expect(regexp.MustCompile(note), 1, patience)
		}
		client.kill()
		h.c.output("sh", "-c", "ip link del "+tunDevice+" 2>/dev/null || true")
	}
}

// TestSHA1Certificates: taken, and said loudly, with `tls-cert-profile insecure`
// as with stock OpenVPN; refused with the cure without.
func TestSHA1Certificates(t *testing.T) {
	t.Parallel()
	k := keys(t)
	for _, who := range []pairing{{ours, stock}, {stock, ours}} {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			h := newHosts(t)
			server, client := serverParty(t, plain, "tls-cert-profile insecure"), clientParty(t, plain, "tls-cert-profile insecure")
			server.identity, client.identity = h.s.sha1(k, "serverAuth"), h.c.sha1(k, "clientAuth")
			mine := h.s.run(who.server, h.s.serverConfig(server)).up()
			theirs := h.c.run(who.client, h.c.clientConfig(client, h.w.b4)).up()
			if who.client.name == ours.name {
				mine = theirs
			}
			mine.expect(regexp.MustCompile(`SHA-1, AND SHORT KEYS, ARE TAKEN`), 1, patience)
			h.c.ping(serverIPv4)
		})
	}
	t.Run("without", func(t *testing.T) {
		t.Parallel()
		h := newHosts(t)
		server := serverParty(t, plain, "tls-cert-profile insecure")
		server.identity = h.s.sha1(k, "serverAuth")
		h.s.run(stock, h.s.serverConfig(server)).up()
		h.c.run(ours, h.c.clientConfig(clientParty(t, plain), h.w.b4)).
			expect(regexp.MustCompile(`signed over SHA-1, which can be forged.*tls-cert-profile insecure`), 1, patience)
	})
}

// sha1 is an identity of the authority that is signed over SHA-1.
func (n *netns) sha1(k *credentials, usage string) identity {
	n.t.Helper()
	at := func(name string) string { return filepath.Join(n.dir, name) }
	n.file("sha1-ca.crt", k.ca.cert)
	n.file("sha1-ca.key", k.ca.keyText())
	n.file("sha1.ext", "keyUsage=digitalSignature\nextendedKeyUsage="+usage+"\n")
	mustRun(n.t, "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("sha1.key"), "-out", at("sha1.csr"), "-subj", "/CN="+clientName)
	mustRun(n.t, "openssl", "x509", "-req", "-in", at("sha1.csr"), "-CA", at("sha1-ca.crt"), "-CAkey", at("sha1-ca.key"), "-set_serial", "77", "-days", "2",
		"-sha1", "-extfile", at("sha1.ext"), "-out", at("sha1.crt"))
	return identity{mustRun(n.t, "cat", at("sha1.crt")), mustRun(n.t, "cat", at("sha1.key"))}
}

// keyText is the authority's private key.
func (a authority) keyText() string {
	return pemText("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(a.key)))
}
