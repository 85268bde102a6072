package session

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/session/seal"
)

// refusal is an error of TLS settings with an alert.
type refusal uint8

func (r refusal) Error() string { return fmt.Sprintf("refused with %d", uint8(r)) }
func (r refusal) Alert() uint8  { return uint8(r) }

// shuttle carries what two machines say between them until both are silent.
func shuttle(a, b *tlsMachine) {
	a.Feed(nil)
	b.Feed(nil)
	for !a.out.empty() || !b.out.empty() {
		for !a.out.empty() {
			b.Feed(a.out.next(1 << 14))
		}
		for !b.out.empty() {
			a.Feed(b.out.next(1 << 14))
		}
	}
}

// TestAlertsThatFit: whoever is refused learns why, with both versions and
// whichever side refuses.
func TestAlertsThatFit(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, server := range []bool{false, true} {
			for alert, want := range map[refusal]string{42: "bad_certificate", 43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 48: "unknown_ca"} {
				t.Run(fmt.Sprintf("%s/%v/%d", tls.VersionName(version), server, alert), func(t *testing.T) {
					refuser, refused := testTLS(t, server), testTLS(t, !server)
					refuser.MinVersion, refuser.MaxVersion = version, version
					refuser.VerifyConnection = func(tls.ConnectionState) error { return fmt.Errorf("TLS: %w", alert) }
					a, b := newTLSMachine(refuser, server), newTLSMachine(refused, !server)
					defer a.Close()
					defer b.Close()
					shuttle(a, b)
					if !errors.Is(a.err, alert) {
						t.Fatalf("the one that refuses ended with %v", a.err)
					}
					if b.err == nil || !strings.Contains(inWords(b.err, refused).Error(), want) {
						t.Errorf("the refused one heard %v", b.err)
					}
					if a.alert.secret != nil || b.alert.secret != nil {
						t.Error("a secret of the handshake is kept")
					}
				})
			}
		}
	}
}

// TestNoSecretKept: a handshake that succeeds leaves no secret behind either.
func TestNoSecretKept(t *testing.T) {
	watched := func(server bool) *tls.Config {
		c := testTLS(t, server)
		c.VerifyConnection = func(tls.ConnectionState) error { return nil }
		return c
	}
	a, b := newTLSMachine(watched(false), false), newTLSMachine(watched(true), true)
	defer a.Close()
	defer b.Close()
	shuttle(a, b)
	if len(a.alert.label) == 0 || !a.established || !b.established || a.alert.secret != nil || b.alert.secret != nil {
		t.Errorf("established %v and %v, secrets of %d and %d bytes", a.established, b.established, len(a.alert.secret), len(b.alert.secret))
	}
}

// TestRecordKeys: the client's handshake keys of RFC 8448, section 3.
func TestRecordKeys(t *testing.T) {
	secret, err := hex.DecodeString("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21")
	if err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]string{"key": "dbfaa693d1762c5b666af5d950258d01", "iv": "5bd3c71b836e0b76bb73265f"} {
		got, err := seal.ExpandLabel(sha256.New, secret, "tls13 "+label, len(want)/2)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, %v", label, got, err)
		}
	}
}

func FuzzFitAlert(f *testing.F) {
	f.Add([]byte{20, 3, 3, 0, 1, 1, 21, 3, 3, 0, 2, 2, 42}, uint16(tls.VersionTLS12), uint16(0))
	f.Add(append([]byte{23, 3, 3, 0, 19}, make([]byte, 19)...), uint16(tls.VersionTLS13), tls.TLS_CHACHA20_POLY1305_SHA256)
	f.Add(append([]byte{23, 3, 3, 0, 19}, make([]byte, 19)...), uint16(tls.VersionTLS13), tls.TLS_AES_256_GCM_SHA384)
	f.Fuzz(func(t *testing.T, records []byte, version, suite uint16) {
		w := alertWriter{secret: make([]byte, 48), version: version, suite: suite, alert: 44}
		n := len(records)
		if w.fit(records); len(records) != n {
			t.Error("another length")
		}
	})
}

// TestTLSWords: errors of crypto/tls, as it gives them, with what to do.
func TestTLSWords(t *testing.T) {
	limited := func(server bool, tune func(*tls.Config)) *tls.Config {
		c := testTLS(t, server)
		tune(c)
		return c
	}
	plain := func(*tls.Config) {}
	for name, c := range map[string]struct {
		client, server         func(*tls.Config)
		clientSays, serverSays string
	}{
		"suites": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
		}, plain, "or it wants other versions or cipher suites; this side offers TLS 1.2 with the cipher suites TLS-RSA-WITH-AES-256-GCM-SHA384", "this side takes TLS 1.3, and TLS 1.2 with key exchange by ECDHE"},
		"versions": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 },
			"none of the versions of TLS of this side (protocol_version), which offers TLS 1.2", "this side takes only TLS 1.3"},
		"no certificate": {func(c *tls.Config) { c.Certificates = nil }, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert },
			"this side showed none (certificate_required)", "the client showed no certificate: it has no `cert` and `key`, or its certificate, or the signature on it, is of a kind that is not taken here"},
		"a kind that is not offered": {plain, func(c *tls.Config) {
			c.Certificates = slices.Clone(c.Certificates)
			c.Certificates[0].SupportedSignatureAlgorithms = []tls.SignatureScheme{tls.PKCS1WithSHA1}
		}, "(handshake_failure): its certificate is of a kind that is not taken here (taken are RSA keys", "the certificate custom signature algorithms"},
	} {
		clientConfig, serverConfig := limited(false, c.client), limited(true, c.server)
		client, server := newTLSMachine(clientConfig, false), newTLSMachine(serverConfig, true)
		shuttle(client, server)
		if client.err == nil || !strings.Contains(inWords(client.err, clientConfig).Error(), c.clientSays) {
			t.Errorf("%s: the client says %v", name, inWords(client.err, clientConfig))
		}
		if server.err == nil || !strings.Contains(inWords(server.err, serverConfig).Error(), c.serverSays) {
			t.Errorf("%s: the server says %v", name, inWords(server.err, serverConfig))
		}
		client.Close()
		server.Close()
	}
}

// TestSilentHello: a peer that takes the hello and says nothing, as OpenVPN does
// where nothing is in common, is no narrow path.
func TestSilentHello(t *testing.T) {
	p := newPair(t, path{delay: time.Millisecond}, nil)
	p.meddle = func(e *end) {
		if g := e.keys.next; e == p.server && g != nil && g.tls != nil {
			g.tls.out = outbox{}
		}
	}
	p.run(time.Minute, func() bool { return p.now.Sub(p.client.data.born) > 10*time.Second })
	if got := p.client.Stage(); !strings.Contains(got, "falls silent at the TLS hello: its certificate is of a kind that is not taken here (taken are RSA keys") || strings.Contains(got, "TLS-RSA") || !strings.Contains(got, "TLS 1.3, and TLS 1.2") || strings.Contains(got, "max-packet-size") {
		t.Error(got)
	}
	p = newPair(t, path{delay: time.Millisecond, mtu: 700}, nil)
	p.run(time.Minute, func() bool { return p.now.Sub(p.client.data.born) > 10*time.Second })
	if got := p.client.Stage(); !strings.Contains(got, "max-packet-size 600") {
		t.Error(got)
	}
}
