package setup

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
)

// certificate is the server's in a directory, which has to fit its key.
func certificate(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	id, err := pki.ParseIdentity(read(t, dir, serverCertFile), read(t, dir, serverKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return id.Leaf
}

// strict is what a client finds that looks at alternative names alone, as
// package tls does.
func strict(t *testing.T, dir, name string) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(read(t, dir, caCertFile))
	_, err := certificate(t, dir).Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: epoch, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

// TestNamesOfServer: what the profile demands is a name of the certificate for
// strict clients too.
func TestNamesOfServer(t *testing.T) {
	for host, names := range map[string][]string{
		"vpn.example.org": {"vpn.example.org", serverName},
		"192.0.2.1":       {"192.0.2.1", serverName},
		"2001:db8::1":     {"2001:db8::1", serverName},
		serverName:        {serverName},
	} {
		o := initOptions(filepath.Join(t.TempDir(), "vpn"))
		o.Host = host
		r, err := Init(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := strict(t, r.Dir, name); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
		if cert := certificate(t, r.Dir); len(cert.DNSNames)+len(cert.IPAddresses) != len(names) {
			t.Errorf("%s: names %v, addresses %v", host, cert.DNSNames, cert.IPAddresses)
		}
		if advice := Advice(r.Dir); advice != "" {
			t.Errorf("%s: %s", host, advice)
		}
	}
}

// TestRenew mends a server whose name is its common name alone.
func TestRenew(t *testing.T) {
	dir := newServer(t).Dir
	authority, err := pki.LoadAuthority(read(t, dir, caCertFile), read(t, dir, caKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	old, err := authority.IssueServer(rand.Reader, epoch, serverName, 24*time.Hour, "vpn.example.org")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(serverCertFile, old.CertPEM)
	write(serverKeyFile, old.KeyPEM)
	if strict(t, dir, serverName) == nil || !strings.Contains(Advice(dir), "culvert renew --dir "+dir) {
		t.Errorf("advice %q", Advice(dir))
	}

	expires, err := Renew(RenewOptions{Dir: dir, Now: epoch, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	cert := certificate(t, dir)
	if !cert.NotAfter.Equal(expires) || expires.Before(epoch.Add(48*time.Hour)) {
		t.Errorf("valid until %v, reported %v", cert.NotAfter, expires)
	}
	for _, name := range []string{serverName, "vpn.example.org"} {
		if err := strict(t, dir, name); err != nil {
			t.Error(err)
		}
	}
	if err := pki.CheckName(cert, serverName, "name"); err != nil {
		t.Error(err)
	}
	if err := pki.CheckUsage(cert, pki.ServerUsage); err != nil {
		t.Error(err)
	}
	if advice := Advice(dir); advice != "" || !bytes.Equal(read(t, dir, serverKeyFile), old.KeyPEM) {
		t.Errorf("advice %q, or another key", advice)
	}
}

// TestRenewFails: a certificate of another authority is left as it is, and so
// is a directory that is no server's.
func TestRenewFails(t *testing.T) {
	dir, other := newServer(t).Dir, newServer(t).Dir
	foreign := read(t, other, serverCertFile)
	if err := os.WriteFile(filepath.Join(dir, serverCertFile), foreign, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Renew(RenewOptions{Dir: dir, Now: epoch, Rand: rand.Reader}); err == nil || !strings.Contains(err.Error(), "is not of") {
		t.Errorf("a certificate of another authority: %v", err)
	}
	if !bytes.Equal(read(t, dir, serverCertFile), foreign) {
		t.Error("it was replaced all the same")
	}
	if _, err := Renew(RenewOptions{Dir: t.TempDir(), Now: epoch, Rand: rand.Reader}); err == nil || !strings.Contains(err.Error(), "culvert init") {
		t.Errorf("no server's directory: %v", err)
	}
	if advice := Advice(t.TempDir()); advice != "" {
		t.Errorf("advice about nothing: %s", advice)
	}
}
