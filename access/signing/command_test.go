package signing_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/access/signing"
	"culvert/access/signing/signingtest"
)

func TestMain(m *testing.M) { signingtest.Main(m) }

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// keyFile writes a private key.
func keyFile(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestSigns: an authority whose key a program has makes its own certificate, a client's
// and a list, with each kind of key.
func TestSigns(t *testing.T) {
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	for name, key := range map[string]any{
		"P-256":   must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t),
		"P-384":   must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t),
		"P-521":   must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t),
		"RSA":     must(rsa.GenerateKey(rand.Reader, 2048))(t),
		"Ed25519": edwards,
	} {
		t.Run(name, func(t *testing.T) {
			key := must(signing.Find(signingtest.Command(signingtest.Signs, keyFile(t, key), "")))(t)
			ca := must(pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "CA", Key: key}))(t)
			client := must(ca.IssueClient(rand.Reader, epoch, "phone", 0))(t)
			cert := must(pki.ParseCertificates(client.CertPEM))(t)[0]
			if err := cert.CheckSignatureFrom(ca.Certificate()); err != nil {
				t.Error(err)
			}
			lists := must(pki.ParseRevocationLists(must(ca.Revoke(epoch, nil, cert))(t)))(t)
			if !pki.Listed(lists[0], cert.SerialNumber) || len(pki.Unlisted([]*x509.Certificate{ca.Certificate()}, lists)) > 0 {
				t.Error("the list is not the authority's, or lacks the certificate")
			}
			if _, err := ca.KeyPEM(); err == nil {
				t.Error("a key that is elsewhere was written")
			}
		})
	}
}

// TestFaults: what goes wrong with a program is said in words, and nothing is issued.
func TestFaults(t *testing.T) {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	file := keyFile(t, private)
	for _, c := range []struct{ does, want string }{
		{signingtest.Other, "not one of the authority's key"},
		{signingtest.Rubbish, `it begins with "Please insert the card \x1b[31m", expected a line "signature BASE64"`},
		{signingtest.Silent, "it is empty, expected a line"},
		{signingtest.Fails, "exit status 3, and said: the card is locked ask the officer"},
		{signingtest.Hangs, "did not answer within 300ms"},
	} {
		command := signingtest.Command(c.does, file, "")
		if c.does == signingtest.Hangs {
			command.Limit = 300 * time.Millisecond
		}
		key := must(signing.New(command, private.Public()))(t)
		_, err := pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "CA", Key: key})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; expected %q", c.does, err, c.want)
		}
	}
}

// TestPrograms: a program that cannot be run, or that others can change, is refused.
func TestPrograms(t *testing.T) {
	open := filepath.Join(t.TempDir(), "sign")
	if err := os.WriteFile(open, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	cases := map[string]signing.Command{
		"expected a program's path": {},
		"begins at the root":        {Argv: []string{"sign"}},
		"/no/such/program":          {Argv: []string{"/no/such/program"}},
		"a time limit of":           {Argv: []string{must(os.Executable())(t)}, Limit: 2 * signing.MaxLimit},
	}
	if os.Geteuid() == 0 {
		cases["others can change"] = signing.Command{Argv: []string{open}}
	}
	for want, c := range cases {
		if want == "/no/such/program" && !filepath.IsAbs(want) {
			continue // no such path on this system
		}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; expected %q", c.Argv, err, want)
		}
	}
}

// TestIssues: an authority that makes certificates itself is believed only where they are
// what was asked for.
func TestIssues(t *testing.T) {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	file, certFile := keyFile(t, private), filepath.Join(t.TempDir(), "ca.crt")
	ca := must(pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "CA", Key: private}))(t)
	if err := os.WriteFile(certFile, ca.CertPEM(), 0o644); err != nil {
		t.Fatal(err)
	}
	open := func(does string) *pki.Authority {
		return must(pki.OpenAuthority(ca.CertPEM(), must(signing.New(signingtest.Command(does, file, certFile), private.Public()))(t)))(t)
	}
	issuer := open(signingtest.Issues)
	client := must(issuer.IssueClient(rand.Reader, epoch, "phone", 0))(t)
	cert := must(pki.ParseCertificates(client.CertPEM))(t)[0]
	if want := epoch.Add(-time.Hour + 90*24*time.Hour); !cert.NotAfter.Equal(want) || !client.NotAfter.Equal(want) {
		t.Errorf("until %v, expected %v: the authority's own choice", client.NotAfter, want)
	}
	if _, err := pki.ParseIdentity(client.CertPEM, client.KeyPEM); err != nil {
		t.Error(err)
	}
	if _, err := issuer.IssueServer(rand.Reader, epoch, "vpn", 0, "vpn.example.org", "192.0.2.1"); err != nil {
		t.Error(err)
	}
	wide := open(signingtest.Wide)
	if _, err := wide.IssueClient(rand.Reader, epoch, "phone", 0); err == nil || !strings.Contains(err.Error(), "could pass for the server") {
		t.Errorf("a client's certificate that is good for servers: %v", err)
	}
	if _, err := issuer.IssueClient(rand.Reader, epoch.Add(100*24*time.Hour), "phone", 0); err == nil || !strings.Contains(err.Error(), "it is valid from") {
		t.Errorf("a certificate that has ended: %v", err)
	}
}
