package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// TestCheckOwn: what OpenVPN refuses of a certificate is said to whoever has it.
func TestCheckOwn(t *testing.T) {
	ca := newMaker(t, "CA")
	ended := *ca.cert
	ended.NotAfter = noon.Add(-time.Minute)
	leaf := ca.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	usage := func(u x509.ExtKeyUsage) *x509.Certificate {
		return ca.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}, ExtKeyUsage: []x509.ExtKeyUsage{u}})
	}
	spelt := func(edit func(*outline)) *x509.Certificate {
		cert, err := readCertificate(edited(t, leaf, ca.key, edit))
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	pss := *leaf
	pss.Raw, pss.SignatureAlgorithm = pssOverSHA1(t, leaf), x509.UnknownSignatureAlgorithm
	selfSigned := *fixtureCert(t, "sha1-leaf.crt")
	selfSigned.RawIssuer = selfSigned.RawSubject
	for _, c := range []struct {
		name   string
		own    *x509.Certificate
		others []*x509.Certificate
		now    time.Time
		want   string // "": nothing
	}{
		{"good", leaf, []*x509.Certificate{ca.cert}, noon, ""},
		{"ended", leaf, nil, noon.AddDate(1, 0, 0), "expired at"},
		{"its authority ended", leaf, []*x509.Certificate{&ended}, noon, "\"CN=CA\" expired at"},
		{"its authority was renewed", leaf, []*x509.Certificate{&ended, ca.cert}, noon, ""},
		{"of a client", usage(x509.ExtKeyUsageClientAuth), nil, noon, ""},
		{"of a server", usage(x509.ExtKeyUsageServerAuth), nil, noon, "has an extended key usage for TLS server, which rules it out here"},
		{"of any", usage(x509.ExtKeyUsageAny), nil, noon, "has an extended key usage for any purpose (neither end of TLS takes that for its own), which rules it out here"},
		{"no subject", spelt(func(o *outline) { o.subject = element(tags.SEQUENCE) }), nil, noon, "has no common name (CN)"},
		{"no UTF-8", spelt(func(o *outline) { o.subject = commonNameOf(tags.UTF8String, "M\xfcnchen") }), nil, noon, "is said to be UTF-8"},
		{"a string that OpenSSL takes", spelt(func(o *outline) { o.subject = commonNameOf(tags.PrintableString, "a@b") }), nil, noon, ""},
		{"explicit", fixtureCert(t, "explicit.crt"), nil, later, "explicit parameters"},
		{"SHA-1", fixtureCert(t, "sha1-leaf.crt"), nil, later, "a peer of either program with `tls-cert-profile insecure`"},
		{"SHA-1, its own authority", &selfSigned, nil, later, ""},
		{"MD5", fixtureCert(t, "md5-leaf.crt"), nil, later, "a peer that is OpenVPN with `tls-cert-profile insecure`"},
		{"RSA-PSS over SHA-1", &pss, nil, noon, "a peer that is OpenVPN with `tls-cert-profile insecure`"},
	} {
		err := CheckOwn(c.own, c.others, ClientUsage, c.now)
		if got := Explain(err, c.now); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// pssOverSHA1 is a certificate that says to be signed so.
func pssOverSHA1(t *testing.T, cert *x509.Certificate) []byte {
	t.Helper()
	o, err := parseOutline(cert.Raw)
	if err != nil {
		t.Fatal(err)
	}
	algorithm := element(tags.SEQUENCE, element(tags.OBJECT_IDENTIFIER, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a}), element(tags.SEQUENCE))
	o.algorithm, o.signed.algorithm = algorithm, algorithm
	der, err := o.appendDER(nil)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestWeakCures: what `tls-cert-profile insecure` cannot have a peer show is not
// said to be taken by it.
func TestWeakCures(t *testing.T) {
	for name, cured := range map[string]bool{"sha1-leaf.crt": true, "md5-leaf.crt": false} {
		err := CheckHash(fixtureCert(t, name))
		if err == nil || strings.Contains(err.Error(), "insecure") != cured {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOwnCurve: a key that TLS has no use for is refused when it is read, but as
// an authority's it serves.
func TestOwnCurve(t *testing.T) {
	ca := newMaker(t, "CA")
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := ca.sign(&x509.Certificate{SerialNumber: ca.cert.SerialNumber, Subject: pkix.Name{CommonName: "ada"}}, key.Public())
	text, err := keyPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseIdentity(certPEM(cert), text); err == nil || !strings.Contains(err.Error(), "P-224") || !strings.Contains(err.Error(), otherKey) {
		t.Error(err)
	}
	if _, err := ParseCertificates(certPEM(cert)); err != nil {
		t.Error(err)
	}
}
