package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	a, err := NewAuthority(rand.Reader, epoch, Options{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func parse(t testing.TB, p Pair, err error) *x509.Certificate {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	id, err := ParseIdentity(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return id.Leaf
}

func issueServer(t testing.TB, a *Authority, name string, hosts ...string) *x509.Certificate {
	t.Helper()
	p, err := a.IssueServer(rand.Reader, epoch, name, 0, hosts...)
	return parse(t, p, err)
}

func issueClient(t testing.TB, a *Authority, name string) *x509.Certificate {
	t.Helper()
	p, err := a.IssueClient(rand.Reader, epoch, name, 0)
	return parse(t, p, err)
}

func TestAuthorityCertificate(t *testing.T) {
	cert := newAuthority(t, "Test CA").Certificate()
	if !cert.IsCA || !cert.MaxPathLenZero || cert.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("CA %v, path length zero %v, key usage %b", cert.IsCA, cert.MaxPathLenZero, cert.KeyUsage)
	}
	if got := epoch.Sub(cert.NotBefore); got != time.Hour {
		t.Errorf("valid from %v before its issue, want an hour", got)
	}
	if got := cert.NotAfter.Sub(epoch); got != AuthorityLifetime {
		t.Errorf("valid for %v, want %v", got, AuthorityLifetime)
	}
	if got := cert.SerialNumber.BitLen(); got < 100 {
		t.Errorf("serial number of %d bits, want 128 random ones", got)
	}
}

func TestServerCertificate(t *testing.T) {
	a := newAuthority(t, "Test CA")
	cert := issueServer(t, a, "srv", "vpn.example.org", "192.0.2.1", "2001:db8::1")
	if len(cert.DNSNames) != 1 || len(cert.IPAddresses) != 2 || !cert.IPAddresses[0].Equal(net.IPv4(192, 0, 2, 1)) {
		t.Errorf("names %v, addresses %v", cert.DNSNames, cert.IPAddresses)
	}
	if cert.IsCA || !cert.BasicConstraintsValid {
		t.Error("a server's certificate must say that it is no authority")
	}
	if !bytes.Equal(cert.AuthorityKeyId, a.Certificate().SubjectKeyId) || len(cert.SubjectKeyId) != 20 {
		t.Errorf("key identifiers: authority %x, own %x", cert.AuthorityKeyId, cert.SubjectKeyId)
	}
	if got := cert.NotAfter.Sub(epoch); got != LeafLifetime {
		t.Errorf("valid for %v, want %v", got, LeafLifetime)
	}
	if err := Verify([]*x509.Certificate{cert}, []*x509.Certificate{a.Certificate()}, epoch, ServerUsage); err != nil {
		t.Error(err)
	}
}

func TestLeafEndsWithAuthority(t *testing.T) {
	a, err := NewAuthority(rand.Reader, epoch, Options{Name: "short", Lifetime: 10 * day})
	if err != nil {
		t.Fatal(err)
	}
	if cert := issueClient(t, a, "c"); !cert.NotAfter.Equal(a.Certificate().NotAfter) {
		t.Errorf("client until %v, authority until %v", cert.NotAfter, a.Certificate().NotAfter)
	}
	_, err = a.IssueClient(rand.Reader, epoch.Add(11*day), "c", 0)
	if err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired authority signed, or said: %v", err)
	}
}

func TestBadNamesAndLifetimes(t *testing.T) {
	a := newAuthority(t, "Test CA")
	for _, name := range []string{"", strings.Repeat("x", 65), "\xff"} {
		if _, err := a.IssueClient(rand.Reader, epoch, name, 0); err == nil {
			t.Errorf("name %q accepted", name)
		}
	}
	if _, err := a.IssueClient(rand.Reader, epoch, "c", -1); err == nil {
		t.Error("negative lifetime accepted")
	}
	if _, err := NewAuthority(bytes.NewReader(make([]byte, 64)), epoch, Options{Name: "x"}); err == nil {
		t.Error("serial number of zeros accepted")
	}
}

func TestLoadAuthority(t *testing.T) {
	a := newAuthority(t, "Test CA")
	key, err := a.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadAuthority(a.CertPEM(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := issueClient(t, b, "c")
	if err := Verify([]*x509.Certificate{leaf}, []*x509.Certificate{a.Certificate()}, epoch, ClientUsage); err != nil {
		t.Error(err)
	}
	if _, err := LoadAuthority(newAuthority(t, "Other").CertPEM(), key); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("another authority's key: %v", err)
	}
	p, err := a.IssueClient(rand.Reader, epoch, "c", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LoadAuthority(p.CertPEM, p.KeyPEM); err == nil || !strings.Contains(err.Error(), "may not sign") {
		t.Errorf("a client's certificate as authority: %v", err)
	}
}

func TestParseKeyFormats(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	blocks := []*pem.Block{
		{Type: "EC PRIVATE KEY", Bytes: sec1},
		{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)},
	}
	for _, b := range blocks {
		text := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + string(pem.EncodeToMemory(b))
		if _, err := ParseKey([]byte(text)); err != nil {
			t.Errorf("%s: %v", b.Type, err)
		}
	}
}

func TestEncryptedKeyRefused(t *testing.T) {
	for _, text := range []string{
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	} {
		if _, err := ParseKey([]byte(text)); !errors.Is(err, ErrEncryptedKey) {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestParseCertificatesLenient(t *testing.T) {
	a, b := newAuthority(t, "A"), newAuthority(t, "B")
	plain := string(a.CertPEM())
	for name, text := range map[string]string{
		"text dump":    "Certificate:\n    Data:\n        Version: 3 (0x2)\n" + plain,
		"CRLF":         strings.ReplaceAll(plain, "\n", "\r\n"),
		"indented":     "  " + strings.ReplaceAll(plain, "\n", "\n  "),
		"byte order":   "\ufeff" + plain,
		"no final EOL": strings.TrimSuffix(plain, "\n"),
	} {
		certs, err := ParseCertificates([]byte(text))
		if err != nil || len(certs) != 1 || CommonName(certs[0]) != "A" {
			t.Errorf("%s: %d certificates, %v", name, len(certs), err)
		}
	}
	certs, err := ParseCertificates([]byte(plain + "\n# and\n" + string(b.CertPEM())))
	if err != nil || len(certs) != 2 || CommonName(certs[1]) != "B" {
		t.Errorf("bundle: %d certificates, %v", len(certs), err)
	}
}

func TestParseErrorsSayWhatWasFound(t *testing.T) {
	a := newAuthority(t, "A")
	key, err := a.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	whole := string(a.CertPEM())
	for text, want := range map[string]string{
		"":                           "it is empty",
		" \n":                        "it is empty",
		string(key):                  `type "PRIVATE KEY"`,
		string(a.Certificate().Raw):  "openssl x509 -inform DER -in FILE -out NEWFILE",
		"\xff\xfe-\x00-\x00-\x00":    "UTF-16",
		"<html><body>":               "web page",
		"paste certificate data":     "22 bytes of other text",
		whole[:len(whole)/2]:         "CERTIFICATE 1 of 1 is cut short",
		whole + whole[:len(whole)/2]: "CERTIFICATE 2 of 2 is cut short",
		"\x00\x01\x02":               "binary data",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "damaged",
	} {
		_, err := ParseCertificates([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want it to say %q", text, err, want)
		}
	}
	if _, err := ParseKey(a.CertPEM()); err == nil || !strings.Contains(err.Error(), `type "CERTIFICATE"`) {
		t.Errorf("a certificate as key: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(fixture(f, "p256.crt"), fixture(f, "p256.key"))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"), []byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----"))
	f.Add([]byte("\ufeff -----BEGIN -----\n"), []byte("-----BEGIN EC PRIVATE KEY-----\n-----BEGIN EC PRIVATE KEY-----"))
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		if certs, err := ParseCertificates(cert); (err == nil) != (len(certs) > 0) {
			t.Errorf("%d certificates and error %v", len(certs), err)
		} else if err == nil {
			Subject(certs[0])
			Explain(Verify(certs, certs, epoch, ServerUsage), epoch)
		}
		if k, err := ParseKey(key); (err == nil) != (k != nil) {
			t.Errorf("key %T and error %v", k, err)
		}
		_, _ = ParseIdentity(cert, key)
	})
}
