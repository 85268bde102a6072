package profile

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/session/wire"
	"culvert/session/wrap"
)

// parties are authorities and certificates, made once.
type parties struct {
	ours, other                     *pki.Authority
	server, client, late, foreigner pki.Pair
	static                          string
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var test = sync.OnceValue(func() *parties {
	now := time.Now()
	p := &parties{
		ours:   must(pki.NewAuthority(rand.Reader, now, pki.Options{Name: "ours"})),
		other:  must(pki.NewAuthority(rand.Reader, now, pki.Options{Name: "other"})),
		static: string(must(wrap.GenerateStaticKey(rand.Reader)).Format()),
	}
	p.server = must(p.ours.IssueServer(rand.Reader, now, "server", 0))
	p.client = must(p.ours.IssueClient(rand.Reader, now, "client", 0))
	long := now.Add(-48 * time.Hour)
	old := must(pki.NewAuthority(rand.Reader, long, pki.Options{Name: "ours"}))
	p.late = must(old.IssueServer(rand.Reader, long, "late", 24*time.Hour))
	p.foreigner = must(p.other.IssueServer(rand.Reader, now, "server", 0))
	return p
})

func block(name, text string) string { return fmt.Sprintf("<%s>\n%s\n</%s>\n", name, text, name) }

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.ParseFile("test.conf", []byte(text), func(string) ([]byte, error) { return nil, errors.New("no files here") })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// clientConfig is a client's with directives more.
func clientConfig(t *testing.T, more string) *config.Config {
	t.Helper()
	p := test()
	return parse(t, "client\ndev tun\nremote 192.0.2.1\n"+more+"\n"+block("ca", string(p.ours.CertPEM()))+
		block("cert", string(p.client.CertPEM))+block("key", string(p.client.KeyPEM)))
}

func serverConfig(t *testing.T, more string) *config.Config {
	t.Helper()
	p := test()
	return parse(t, "server 10.8.0.0 255.255.255.0\ndev tun\n"+more+"\n"+block("ca", string(p.ours.CertPEM()))+
		block("cert", string(p.server.CertPEM))+block("key", string(p.server.KeyPEM)))
}

// TestMaxInner has sums made by hand: a packet of the data channel is 24 bytes
// longer than what it carries (4 of opcode and peer-id, 4 of packet-id, 16 of
// tag), UDP takes 8, IPv4 20, IPv6 40.
func TestMaxInner(t *testing.T) {
	for directives, want := range map[string]struct{ ipv4, ipv6 int }{
		"":                          {1440, 1420}, // 1492 - 28 - 24, 1492 - 48 - 24
		"mssfix":                    {1440, 1420},
		"mssfix 0":                  {0, 0},
		"mssfix 1492 mtu":           {1440, 1420},
		"mssfix 1300 mtu":           {1248, 1228},
		"mssfix 1450":               {1426, 1426},
		"mssfix 1200 fixed":         {1200, 1200},
		"tun-mtu 1400":              {1400, 1400},
		"tun-mtu 1400\nmssfix 1300": {1276, 1276},
		"tun-mtu 1400\nmssfix 0":    {0, 0},
		"max-packet-size 1000":      {948, 928},
		"dev tap":                   {1426, 1406}, // 14 of Ethernet
		"dev tap\nmssfix 1450":      {1412, 1412},
		"mssfix 1400\ntun-mtu 1500": {1376, 1376},
	} {
		c := clientConfig(t, directives)
		if got4, got6 := MaxInner(c, false, fit{}), MaxInner(c, true, fit{}); got4 != want.ipv4 || got6 != want.ipv6 {
			t.Errorf("%q: %d and %d, want %d and %d", directives, got4, got6, want.ipv4, want.ipv6)
		}
	}
}

// unheard takes warnings that a test does not look at.
func unheard(string) {}

// fit is an AES-GCM session with a peer-id.
type fit struct{}

func (fit) Fit(size int) int { return size - 24 }

func TestSession(t *testing.T) {
	c := clientConfig(t, "setenv UV_TEAM blue\nsetenv IV_GUI_VER ours\nsetenv OTHER x\nreneg-sec 100\nhand-window 30\ndata-ciphers AES-128-GCM\nreplay-window 128 20")
	s, err := Session(c, false, unheard)
	if err != nil {
		t.Fatal(err)
	}
	if s.Server || s.RenegAfter != 100*time.Second || s.HandWindow != 30*time.Second || s.ReplayWindow != 128 || s.ReplayTime != 20*time.Second {
		t.Errorf("%+v", s)
	}
	if s.PeerInfo["UV_TEAM"] != "" || s.PeerInfo["IV_GUI_VER"] != "ours" || s.PeerInfo["OTHER"] != "" || s.PeerInfo["IV_CIPHERS"] != "AES-128-GCM" {
		t.Errorf("peer-info %v", s.PeerInfo)
	}
	if s, err = Session(serverConfig(t, ""), true, unheard); err != nil || !s.Server || s.PeerInfo != nil {
		t.Errorf("server: %+v, %v", s.PeerInfo, err)
	}
}

// TestControlPacketsPassNarrowPaths: 1,000 bytes of IP with its headers.
func TestControlPacketsPassNarrowPaths(t *testing.T) {
	for directives, want := range map[string]int{"": 950, "max-packet-size 1250": 950, "max-packet-size 600": 600} {
		s, err := Session(clientConfig(t, directives), false, unheard)
		if err != nil || s.MaxPacket != want {
			t.Errorf("%q: %d bytes, %v; want %d", directives, s.MaxPacket, err, want)
		}
	}
}

func TestTLSSettings(t *testing.T) {
	for directives, check := range map[string]func(*tls.Config) bool{
		"": func(c *tls.Config) bool {
			return c.MinVersion == tls.VersionTLS12 && c.MaxVersion == 0 && c.CipherSuites == nil &&
				c.CurvePreferences == nil && len(c.Certificates) == 1 && c.SessionTicketsDisabled
		},
		"tls-version-min 1.0": func(c *tls.Config) bool { return c.MinVersion == tls.VersionTLS12 },
		"tls-version-min 1.3": func(c *tls.Config) bool { return c.MinVersion == tls.VersionTLS13 },
		"tls-version-max 1.2": func(c *tls.Config) bool { return c.MaxVersion == tls.VersionTLS12 },
		"tls-groups X25519:secp384r1:zzz": func(c *tls.Config) bool {
			return slices.Equal(c.CurvePreferences, []tls.CurveID{tls.X25519, tls.CurveP384})
		},
		"tls-cipher TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384:TLS-NONE": func(c *tls.Config) bool {
			return slices.Equal(c.CipherSuites, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384})
		},
		"tls-cipher DEFAULT:@SECLEVEL=0": func(c *tls.Config) bool { return len(c.CipherSuites) == 0 },
	} {
		got, err := TLS(clientConfig(t, directives), false, unheard)
		if err != nil || !check(got) {
			t.Errorf("%q: %+v, %v", directives, got, err)
		}
	}
	for demand, want := range map[config.ClientCert]tls.ClientAuthType{
		config.ClientCertRequire: tls.RequireAnyClientCert, config.ClientCertOptional: tls.RequestClientCert, config.ClientCertNone: tls.NoClientCert,
	} {
		c := serverConfig(t, "")
		c.Trust.VerifyClientCert = demand
		if got, err := TLS(c, true, unheard); err != nil || got.ClientAuth != want {
			t.Errorf("%v: %v, %v", demand, got.ClientAuth, err)
		}
	}
}

// TestBadSettings: what is wrong is named, with what would be right.
func TestBadSettings(t *testing.T) {
	change := func(f func(*config.Config)) *config.Config {
		c := clientConfig(t, "")
		f(c)
		return c
	}
	junk := &config.File{Inline: true, Text: []byte("junk"), Pos: config.Pos{File: "x.ovpn", Line: 7}}
	for name, c := range map[string]struct {
		config *config.Config
		want   []string
	}{
		"group":        {clientConfig(t, "tls-groups zzz"), []string{"tls-groups zzz", "X25519"}},
		"suite":        {clientConfig(t, "tls-cipher TLS-NONE\ntls-version-max 1.2"), []string{"tls-cipher TLS-NONE", "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256"}},
		"version":      {change(func(c *config.Config) { c.Trust.TLSVersionMax = "1.1" }), []string{"tls-version-max 1.1", "1.2"}},
		"version name": {change(func(c *config.Config) { c.Trust.TLSVersionMin = "2" }), []string{`"2"`, "1.3"}},
		"no ca":        {change(func(c *config.Config) { c.Trust.CA = nil }), []string{"no `ca`"}},
		"bad ca":       {change(func(c *config.Config) { c.Trust.CA = junk }), []string{"x.ovpn:7: ca", "inline block"}},
		"no key":       {change(func(c *config.Config) { c.Trust.Key = nil }), []string{"cert", "no `key`"}},
		"other key":    {change(func(c *config.Config) { c.Trust.Key = &config.File{Text: test().server.KeyPEM} }), []string{"cert"}},
	} {
		_, err := TLS(c.config, false, unheard)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
	}
}

func chain(t *testing.T, p pki.Pair) []*x509.Certificate {
	t.Helper()
	certs, err := pki.ParseCertificates(p.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

func TestVerifyInWords(t *testing.T) {
	p := test()
	for name, c := range map[string]struct {
		more   string
		server bool // whose settings
		peer   pki.Pair
		want   string // "" for no error
	}{
		"right server":            {"remote-cert-tls server", false, p.server, ""},
		"right name":              {"verify-x509-name server name", false, p.server, ""},
		"right client":            {"remote-cert-tls client", true, p.client, ""},
		"a client as server":      {"remote-cert-tls server", false, p.client, "is for TLS client"},
		"a server as client":      {"", true, p.server, "is for TLS server"},
		"another name":            {"verify-x509-name office name", false, p.server, "verify-x509-name"},
		"another authority":       {"", false, p.foreigner, "`ca` holds only"},
		"expired, same authority": {"", false, p.late, "expired at"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := clientConfig
			if c.server {
				settings = serverConfig
			}
			cfg, err := TLS(settings(t, c.more), c.server, unheard)
			if err != nil {
				t.Fatal(err)
			}
			err = cfg.VerifyConnection(tls.ConnectionState{PeerCertificates: chain(t, c.peer)})
			var refused *CertificateError
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) || refused.Unwrap() == nil):
				t.Errorf("%v does not say %q", err, c.want)
			}
		})
	}
}

func TestNoCertificate(t *testing.T) {
	for demand, taken := range map[config.ClientCert]bool{
		config.ClientCertRequire: false, config.ClientCertOptional: true, config.ClientCertNone: true,
	} {
		c := serverConfig(t, "")
		c.Trust.VerifyClientCert = demand
		cfg, err := TLS(c, true, unheard)
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.VerifyConnection(tls.ConnectionState{}); (err == nil) != taken {
			t.Errorf("%v: %v", demand, err)
		}
	}
	cfg, err := TLS(clientConfig(t, ""), false, unheard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.VerifyConnection(tls.ConnectionState{}) == nil {
		t.Error("a server without a certificate was taken")
	}
}

// TestKeyDirection pairs each way of giving it on a client with a server's.
func TestKeyDirection(t *testing.T) {
	key := block("tls-auth", test().static)
	for _, c := range []struct {
		client, server string
		fits           bool
	}{
		{"key-direction 1\n", "key-direction 0\n", true},
		{"key-direction 0\n", "key-direction 1\n", true},
		{"", "", true},
		{"key-direction 1\n", "", false},
		{"key-direction 1\n", "key-direction 1\n", false},
		{"key-direction 1\nauth SHA256\n", "key-direction 0\n", false},
		{"key-direction 1\nauth SHA512\n", "key-direction 0\nauth SHA512\n", true},
	} {
		wrapper, err := ClientWrapper(clientConfig(t, c.client+key))
		if err != nil {
			t.Fatal(err)
		}
		armour, err := Armour(serverConfig(t, c.server+key))
		if err != nil {
			t.Fatal(err)
		}
		checkFit(t, fmt.Sprintf("client %q, server %q", c.client, c.server), wrapper(), armour, c.fits)
	}
}

func checkFit(t *testing.T, name string, client wrap.Wrapper, armour wrap.Armour, fits bool) {
	t.Helper()
	op := wire.PControlHardResetClientV2
	if wrap.BringsKey(client) {
		op = wire.PControlHardResetClientV3
	}
	now := time.Unix(1_800_000_000, 0)
	packet := client.Wrap(nil, &wire.Control{Op: op, Session: wire.SessionID{1}}, now)
	server, _, err := armour.Wrapper(packet)
	if err == nil {
		err = server.Unwrap(new(wire.Control), packet)
	}
	if (err == nil) != fits {
		t.Errorf("%s, to the server: %v", name, err)
	}
	if err != nil {
		return
	}
	back := server.Wrap(nil, &wire.Control{Op: wire.PControlHardResetServerV2, Session: wire.SessionID{2}}, now)
	if err := client.Unwrap(new(wire.Control), back); err != nil {
		t.Errorf("%s, to the client: %v", name, err)
	}
}

func TestArmours(t *testing.T) {
	v2 := must(wrap.GenerateServerKeyV2(rand.Reader))
	own := must(wrap.GenerateClientKeyV2(rand.Reader, v2, wrap.TimestampMetadata(time.Unix(1, 0))))
	pairs := map[string]struct{ client, server string }{
		"none":         {},
		"tls-crypt":    {block("tls-crypt", test().static), block("tls-crypt", test().static)},
		"tls-crypt-v2": {block("tls-crypt-v2", string(own.Format())), block("tls-crypt-v2", string(v2.Format()))},
	}
	for from, c := range pairs {
		for to, s := range pairs {
			if to == "none" && from != to {
				continue // a server without a key cannot tell
			}
			wrapper, err := ClientWrapper(clientConfig(t, c.client))
			if err != nil {
				t.Fatal(err)
			}
			armour, err := Armour(serverConfig(t, s.server))
			if err != nil {
				t.Fatal(err)
			}
			checkFit(t, from+" to "+to, wrapper(), armour, from == to)
		}
	}
	// A session must not go on with the counters of the one before.
	wrapper, err := ClientWrapper(clientConfig(t, pairs["tls-crypt"].client))
	if err != nil || wrapper() == wrapper() {
		t.Errorf("one wrapper for two sessions (%v)", err)
	}
}

func TestBadArmour(t *testing.T) {
	junk := &config.File{Inline: true, Text: []byte("junk"), Pos: config.Pos{File: "test.conf", Line: 7}}
	for name, c := range map[string]config.Config{
		"tls-auth": {Trust: config.Trust{TLSAuth: junk}}, "tls-crypt": {Trust: config.Trust{TLSCrypt: junk}}, "tls-crypt-v2": {Trust: config.Trust{TLSCryptV2: junk}},
	} {
		_, clientErr := ClientWrapper(&c)
		_, serverErr := Armour(&c)
		for _, err := range []error{clientErr, serverErr} {
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "test.conf:7") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := ClientWrapper(clientConfig(t, "auth SHA256\n"+block("tls-auth", test().static))); err != nil {
		t.Error(err)
	}
}

// TestOwnCertificateByProfile: a side whose own certificate is not of its
// tls-cert-profile does not begin, since TLS would fail with every peer that
// has the same.
func TestOwnCertificateByProfile(t *testing.T) {
	rsaKey := func(bits int) (key, cert string) {
		k := must(rsa.GenerateKey(rand.Reader, bits))
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rsa"}, NotAfter: time.Now().Add(time.Hour)}
		der := must(x509.CreateCertificate(rand.Reader, template, template, k.Public(), k))
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(k))})),
			string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	key, cert := rsaKey(2048)
	for profile, good := range map[string]bool{"legacy": true, "preferred": true, "insecure": true, "suiteb": false} {
		c := serverConfig(t, "tls-cert-profile "+profile)
		if _, err := TLS(c, true, nil); err != nil {
			t.Errorf("%s, ECDSA on P-256: %v", profile, err)
		}
		c.Trust.Key.Text, c.Trust.Cert.Text = []byte(key), []byte(cert)
		_, err := TLS(c, true, nil)
		if (err == nil) != good {
			t.Errorf("%s, RSA of 2048 bits: %v", profile, err)
		}
		if err != nil && !(strings.Contains(err.Error(), "test.conf:") && strings.Contains(err.Error(), "`tls-cert-profile suiteb` demands ECDSA")) {
			t.Errorf("%s: %v", profile, err)
		}
	}
}
