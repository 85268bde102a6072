package profile

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"

	"culvert/access/hooks"
	"culvert/access/pki"
	"culvert/config"
	"culvert/session"
	"culvert/session/wrap"
)

// world is an authority, a client of it, and a directory for files.
type world struct {
	t         *testing.T
	dir       string
	ca, leaf  *x509.Certificate
	key       *ecdsa.PrivateKey // of both
	config    *config.Config
	remembers []string // what was warned of
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), key: key}
	w.ca = w.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
	w.leaf = w.sign(&x509.Certificate{SerialNumber: big.NewInt(42), Subject: pkix.Name{CommonName: "ada"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	w.config = &config.Config{Trust: config.Trust{CA: &config.File{Text: certPEM(w.ca)}, TLSCertProfile: "legacy"}, Timers: config.Timers{HandWindow: 10 * time.Second}}
	return w
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (w *world) sign(template *x509.Certificate) *x509.Certificate {
	w.t.Helper()
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent := w.ca
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, w.key.Public(), w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		w.t.Fatal(err)
	}
	return cert
}

// list writes a revocation list and returns its name.
func (w *world) list(name string, end time.Time, serials ...int64) string {
	w.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: end}
	for _, s := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, w.ca, w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.write(name, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

func (w *world) write(name string, text []byte) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// server returns what a server with w's configuration makes of w's client, now.
func (w *world) server() func() error {
	w.t.Helper()
	settings, err := TLS(w.config, true, func(text string) { w.remembers = append(w.remembers, text) })
	if err != nil {
		w.t.Fatal(err)
	}
	return func() error {
		return settings.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{w.leaf}})
	}
}

func (w *world) file(path string) *config.File {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return &config.File{Name: path, Text: text}
}

func (w *world) expect(err error, want string) {
	w.t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		w.t.Errorf("got %v, want %q", err, want)
	}
}

// TestListReloaded: a list counts from the moment it is replaced; a damaged one
// leaves the one before in force.
func TestListReloaded(t *testing.T) {
	w := newWorld(t)
	w.config.Trust.CRLVerify = w.file(w.list("crl.pem", time.Now().Add(100*24*time.Hour)))
	verify := w.server()
	w.expect(verify(), "")
	w.list("crl.pem", time.Now().Add(100*24*time.Hour), 42)
	err := verify()
	w.expect(err, "is revoked")
	if !errors.Is(err, session.ErrUntrusted) {
		t.Error("a revoked certificate does not end a session whose keys are renewed")
	}
	w.write("crl.pem", []byte("half a fi"))
	w.expect(verify(), "is revoked")
	if err := os.Remove(filepath.Join(w.dir, "crl.pem")); err != nil {
		t.Fatal(err)
	}
	w.expect(verify(), "is revoked")
	w.list("crl.pem", time.Now().Add(100*24*time.Hour), 7)
	w.expect(verify(), "")
}

func TestRevokedByFileName(t *testing.T) {
	w := newWorld(t)
	w.config.Trust.CRLVerifyDir = filepath.Join(w.dir, "revoked")
	if err := os.Mkdir(w.config.Trust.CRLVerifyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	verify := w.server()
	w.expect(verify(), "")
	w.write("revoked/42", nil)
	w.expect(verify(), "is revoked")
	if err := os.RemoveAll(w.config.Trust.CRLVerifyDir); err != nil {
		t.Fatal(err)
	}
	w.expect(verify(), "is revoked") // what was listed counts until there is a list again
}

// TestStraysInDirectory: what is no serial number revokes nobody, and is not
// counted.
func TestStraysInDirectory(t *testing.T) {
	w := newWorld(t)
	w.config.Trust.CRLVerifyDir = filepath.Join(w.dir, "revoked")
	if err := os.Mkdir(w.config.Trust.CRLVerifyDir, 0o700); err != nil {
		t.Fatal(err)
	}
	trust := w.trust()
	for _, name := range []string{"README", "0x22", "042", "+7", "", "7", "-8"} {
		if name != "" {
			w.write("revoked/"+name, nil)
		}
	}
	if w.isRevoked(trust, time.Now()); !strings.Contains(w.log(), "read again, 2 revoked") {
		t.Error(w.log())
	}
}

func TestCAPath(t *testing.T) {
	w := newWorld(t)
	w.config.Trust.CA, w.config.Trust.CAPath = nil, w.dir
	if _, err := TLS(w.config, true, nil); err == nil || !strings.Contains(err.Error(), "openssl rehash") {
		t.Errorf("an empty directory: %v", err)
	}
	w.write("0a1b2c3d.0", certPEM(w.ca))
	w.write("README", []byte("no certificate"))
	w.expect(w.server()(), "")
	w.list("0a1b2c3d.r0", time.Now().Add(time.Hour), 42)
	w.expect(w.server()(), "is revoked")
}

// TestNoRootInCA: an authority that another one signed is nobody to begin with.
func TestNoRootInCA(t *testing.T) {
	w := newWorld(t)
	sub := w.sign(&x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Between"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	w.config.Trust.CA.Text = certPEM(sub)
	if _, err := TLS(w.config, true, nil); err == nil || !strings.Contains(err.Error(), `"CN=Between", but not "CN=CA" that issued it`) {
		t.Error(err)
	}
}

// TestWhoIsNoClient: a certificate that the authority did not mean for a client,
// or that names nobody, lets nobody in.
func TestWhoIsNoClient(t *testing.T) {
	for want, template := range map[string]x509.Certificate{
		"an extended key usage": {Subject: pkix.Name{CommonName: "ada"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}},
		"has key usage 20":      {Subject: pkix.Name{CommonName: "ada"}, KeyUsage: x509.KeyUsageKeyEncipherment},
		"no common name":        {Subject: pkix.Name{Organization: []string{"Ada"}}},
	} {
		w := newWorld(t)
		template.SerialNumber = big.NewInt(43)
		w.leaf = w.sign(&template)
		w.expect(w.server()(), want)
	}
}

func TestDemandsOfConfiguration(t *testing.T) {
	for want, change := range map[string]func(*config.Config){
		"remote-cert-ku":        func(c *config.Config) { c.Trust.RemoteCertKU = []uint16{} },
		"remote-cert-eku":       func(c *config.Config) { c.Trust.RemoteCertEKU = "serverAuth" },
		"ns-cert-type":          func(c *config.Config) { c.Trust.NsCertType = config.ServerUsage },
		`has common name "ada"`: func(c *config.Config) { c.Trust.VerifyX509Name = &config.X509Name{Name: "eve", Type: "name"} },
	} {
		w := newWorld(t)
		change(w.config)
		w.expect(w.server()(), want)
	}
}

// TestTLSVerify: the program sees every certificate with its variables.
func TestTLSVerify(t *testing.T) {
	w := newWorld(t)
	script := w.write("names", []byte("#!/bin/sh\necho \"$1 $2 $untrusted_ip $untrusted_port $tls_serial_0 $X509_0_CN $X509_1_CN $custom\" >> "+w.dir+"/seen\ntest \"$2\" != CN=eve\n"))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	w.config.Trust.TLSVerify = []string{script}
	env := new(hooks.Env)
	env.Set("custom", "yes")
	show, err := TLSVerify(w.config, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := TLS(w.config, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	settings = show(t.Context(), settings, netip.MustParseAddrPort("192.0.2.7:5000"), func() *hooks.Env { return env })
	w.expect(settings.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{w.leaf}}), "")
	seen := string(w.file(filepath.Join(w.dir, "seen")).Text)
	if want := "1 CN=CA 192.0.2.7 5000   CA yes\n0 CN=ada 192.0.2.7 5000 42 ada CA yes\n"; seen != want {
		t.Errorf("the program saw\n%s, want\n%s", seen, want)
	}
	eve := w.sign(&x509.Certificate{SerialNumber: big.NewInt(43), Subject: pkix.Name{CommonName: "eve"}})
	w.expect(settings.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{eve}}), "ended with 1")
}

// TestExportCert: the program finds each certificate in a file that only this user may
// read, and that is gone after it.
func TestExportCert(t *testing.T) {
	w := newWorld(t)
	script := w.write("export", []byte("#!/bin/sh\ncat \"$peer_cert\" > "+w.dir+"/seen-$1\nstat -c %a \"$peer_cert\" >> "+w.dir+"/modes\n"))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w.config.Trust.TLSVerify, w.config.Trust.ExportCert = []string{script}, dir
	show, err := TLSVerify(w.config, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := TLS(w.config, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(dir string) error {
		w.config.Trust.ExportCert = dir
		return show(t.Context(), settings, netip.MustParseAddrPort("192.0.2.7:5000"), func() *hooks.Env { return new(hooks.Env) }).VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{w.leaf}})
	}
	w.expect(check(dir), "")
	block, _ := pem.Decode(w.file(filepath.Join(w.dir, "seen-0")).Text)
	if block == nil || block.Type != "CERTIFICATE" || !bytes.Equal(block.Bytes, w.leaf.Raw) || len(w.file(filepath.Join(w.dir, "seen-1")).Text) == 0 {
		t.Errorf("the program saw %v", block)
	}
	if modes := string(w.file(filepath.Join(w.dir, "modes")).Text); modes != "600\n600\n" {
		t.Errorf("modes %q", modes)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	w.expect(check(filepath.Join(dir, "none")), "name a directory that this user may write to")
}

// TestTLSVerifyEnds with the peer's session, while it runs.
func TestTLSVerifyEnds(t *testing.T) {
	w := newWorld(t)
	script := w.write("slow", []byte("#!/bin/sh\nexec sleep 1000\n"))
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	w.config.Trust.TLSVerify, w.config.Timers.HandWindow = []string{script}, time.Hour
	show, err := TLSVerify(w.config, hooks.Options{Slots: hooks.NewSlots(1)})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := TLS(w.config, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	settings = show(ctx, settings, netip.MustParseAddrPort("192.0.2.7:5000"), func() *hooks.Env { return nil })
	w.expect(settings.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{w.leaf}}), "stopped before it decided")
}

func TestUnlock(t *testing.T) {
	w := newWorld(t)
	der, err := pkcs8.MarshalPrivateKey(w.key, []byte("word"), nil)
	if err != nil {
		t.Fatal(err)
	}
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})
	answers := func(words ...string) Ask {
		return func(question string, echo bool) (string, error) {
			if echo || len(words) == 0 {
				t.Errorf("asked once too often, or for all to see: %s", question)
				return "", ErrNobody
			}
			word := words[0]
			words = words[1:]
			return word, nil
		}
	}
	for _, c := range []struct {
		name    string
		askPass *config.File
		ask     Ask
		want    error
	}{
		{"by file", &config.File{Name: "pass", Text: []byte("word\r\nmore")}, nil, nil},
		{"by wrong file", &config.File{Name: "pass", Text: []byte("worse")}, answers(), pki.ErrPassword},
		{"asked", &config.File{}, answers("word"), nil},
		{"asked without askpass", nil, answers("x", "word"), nil},
		{"asked in vain", nil, answers("x", "y", "z"), pki.ErrPassword},
		{"nobody to ask", nil, nil, ErrNobody},
	} {
		cfg := &config.Config{Trust: config.Trust{Key: &config.File{Name: "key", Text: locked}, AskPass: c.askPass}}
		if err := Unlock(cfg, c.ask); !errors.Is(err, c.want) || pki.KeyEncrypted(cfg.Trust.Key.Text) != (c.want != nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.askPass != nil && len(c.askPass.Text) > 0 {
			t.Errorf("%s: the password is still there", c.name)
		}
	}
}

func TestUnlockPKCS12(t *testing.T) {
	w := newWorld(t)
	der, err := pkcs12.Modern.Encode(w.key, w.leaf, []*x509.Certificate{w.ca}, "word")
	if err != nil {
		t.Fatal(err)
	}
	for _, inline := range []bool{false, true} {
		text := der
		if inline {
			text = []byte(base64.StdEncoding.EncodeToString(der)[:100] + "\n" + base64.StdEncoding.EncodeToString(der)[100:] + "\n")
		}
		block := new(config.Config)
		c := &config.Config{
			Link:  config.Link{Remotes: []config.Remote{{Settings: block}}},
			Trust: config.Trust{TLSCertProfile: "legacy", PKCS12: &config.File{Inline: inline, Text: text}, AskPass: &config.File{Name: "pass", Text: []byte("word\n")}},
		}
		if err := Unlock(c, nil); err != nil {
			t.Fatal(err)
		}
		settings, err := TLS(c, false, nil)
		if err != nil || len(settings.Certificates) != 1 || block.Trust.Cert != c.Trust.Cert {
			t.Errorf("inline %v: %v", inline, err)
		}
	}
	bad := &config.Config{Trust: config.Trust{PKCS12: &config.File{Inline: true, Text: []byte("?")}}}
	if err := Unlock(bad, nil); err == nil {
		t.Error("junk was taken")
	}
}

func TestCheckKeyAge(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		metadata []byte
		ok       bool
	}{
		"new": {wrap.TimestampMetadata(now.Add(-9 * day)), true}, "old": {wrap.TimestampMetadata(now.Add(-11 * day)), false},
		"other": {wrap.UserMetadata([]byte("ada")), false}, "none": {nil, false},
	} {
		if err := CheckKeyAge(c.metadata, 10*day, now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
