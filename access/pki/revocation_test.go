package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// maker signs test certificates and lists.
type maker struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newMaker(t testing.TB, name string) maker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := maker{t: t, key: key}
	m.cert = m.sign(&x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}, key.Public())
	return m
}

func (m maker) sign(template *x509.Certificate, public any) *x509.Certificate {
	m.t.Helper()
	template.NotBefore, template.NotAfter = noon.Add(-time.Hour), noon.Add(time.Hour)
	parent := m.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		m.t.Fatal(err)
	}
	return cert
}

func (m maker) client(template *x509.Certificate) *x509.Certificate {
	if template.SerialNumber == nil {
		template.SerialNumber = big.NewInt(42)
	}
	return m.sign(template, m.key.Public())
}

func (m maker) list(from, to time.Time, serials ...int64) []byte {
	m.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: from, NextUpdate: to}
	for _, s := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(s), RevocationTime: from})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, m.cert, m.key)
	if err != nil {
		m.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeCRL, Bytes: der})
}

func TestCheckRevoked(t *testing.T) {
	ca, other, impostor := newMaker(t, "CA"), newMaker(t, "other"), newMaker(t, "CA")
	leaf := ca.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}})
	chain := []*x509.Certificate{leaf, ca.cert}
	before, after := noon.Add(-time.Hour), noon.Add(time.Hour)
	for _, c := range []struct {
		name, lists, want string
	}{
		{"empty list", string(ca.list(before, after)), ""},
		{"listed", string(ca.list(before, after, 7, 42)), `"CN=ada", serial number 42, is revoked`},
		{"another listed", string(ca.list(before, after, 7)), ""},
		{"another authority's list", string(other.list(before, after, 42)), ""},
		{"second of two lists", string(other.list(before, after)) + string(ca.list(before, after, 42)), "is revoked"},
		{"expired", string(ca.list(before, noon.Add(-time.Minute))), "the list that is too old, not the peer's certificate"},
		{"expired, but listed", string(ca.list(before, noon.Add(-time.Minute), 42)), "is revoked"},
		{"of the future", string(ca.list(noon.Add(time.Minute), after)), "not yet valid"},
		{"forged", string(impostor.list(before, after)), "is not signed by the authority"},
	} {
		lists, err := ParseRevocationLists([]byte(c.lists))
		if err != nil {
			t.Fatal(err)
		}
		err = CheckRevoked(chain, lists, noon)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && Explain(err, noon) != err.Error() {
			t.Errorf("%s: explained as %s", c.name, Explain(err, noon))
		}
	}
}

func TestParseRevocationLists(t *testing.T) {
	ca := newMaker(t, "CA")
	good := ca.list(noon, noon)
	for name, text := range map[string]string{"empty": "", "a certificate": string(encodeCertificate(ca.cert)), "cut": string(good[:len(good)/2]),
		"junk inside": "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"} {
		if _, err := ParseRevocationLists([]byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzRevocationLists(f *testing.F) {
	f.Add(fixture(f, "version1.crl"))
	f.Add(decodeAll(fixture(f, "version1.crl"))[0].Bytes)
	ca := fixtureCert(f, "rsa.crt")
	f.Add([]byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lists, err := ParseRevocationLists(text)
		if err == nil && len(lists) == 0 {
			t.Error("no list and no error")
		}
		if err == nil {
			CheckRevoked([]*x509.Certificate{ca, ca}, lists, noon)
		}
	})
}

func TestDemands(t *testing.T) {
	ca := newMaker(t, "CA")
	nsServer, err := asn1.Marshal(asn1.BitString{Bytes: []byte{0x40}, BitLength: 2})
	if err != nil {
		t.Fatal(err)
	}
	server := ca.client(&x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	client := ca.client(&x509.Certificate{KeyUsage: x509.KeyUsageKeyAgreement, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection}})
	netscape := ca.client(&x509.Certificate{ExtraExtensions: []pkix.Extension{{Id: nsCertTypeOID, Value: nsServer}}})
	for _, c := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"a0", CheckKeyUsage(server, []uint16{0xa0}), true},
		{"80 or 08", CheckKeyUsage(client, []uint16{0x80, 0x08}), true},
		{"a0 of a client", CheckKeyUsage(client, []uint16{0xa0}), false},
		{"any usage", CheckKeyUsage(client, nil), true},
		{"any usage of none", CheckKeyUsage(netscape, nil), false},
		{"eku name", CheckExtendedUsage(server, "TLS Web Server Authentication"), true},
		{"eku short name", CheckExtendedUsage(client, "emailProtection"), true},
		{"eku number", CheckExtendedUsage(client, "1.3.6.1.5.5.7.3.2"), true},
		{"eku of a client", CheckExtendedUsage(client, "serverAuth"), false},
		{"eku of none", CheckExtendedUsage(netscape, "serverAuth"), false},
		{"ns server", CheckNsCertType(netscape, ServerUsage), true},
		{"ns client", CheckNsCertType(netscape, ClientUsage), false},
		{"ns by eku", CheckNsCertType(server, ServerUsage), true},
		{"ns by wrong eku", CheckNsCertType(client, ServerUsage), false},
	} {
		var e *DemandError
		if (c.err == nil) != c.ok || c.err != nil && !errors.As(c.err, &e) {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
}

func TestProfiles(t *testing.T) {
	ca := newMaker(t, "CA")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short := ca.sign(&x509.Certificate{SerialNumber: big.NewInt(2)}, weak.Public())
	good := ca.client(&x509.Certificate{})
	for profile, ok := range map[string]bool{"insecure": true, "legacy": true, "preferred": false, "suiteb": false} {
		if err := CheckProfile([]*x509.Certificate{short, ca.cert}, profile); (err == nil) != ok {
			t.Errorf("RSA 1024 under %s: %v", profile, err)
		}
		if err := CheckProfile([]*x509.Certificate{good, ca.cert}, profile); err != nil {
			t.Errorf("P-256 under %s: %v", profile, err)
		}
	}
}

func TestUsername(t *testing.T) {
	cert := newMaker(t, "CA").client(&x509.Certificate{
		SerialNumber:   big.NewInt(0x1234),
		EmailAddresses: []string{"first@example.org", "ada@example.org"},
		Subject: pkix.Name{CommonName: "ada", ExtraNames: []pkix.AttributeTypeAndValue{
			{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: "ada@subject"}}},
	})
	for want, fields := range map[string][]string{
		"ada": nil, "ada@subject": {"emailAddress"}, "ada@example.org": {"ext:subjectAltName"}, "ada_0x1234": {"CN", "serialNumber"}, "": {"CN", "OU"},
	} {
		if got := Username(cert, fields); got != want {
			t.Errorf("%v: %q, want %q", fields, got, want)
		}
	}
	if got := Username(cert, []string{"1.2.840.113549.1.9.1"}); got != "ada@subject" {
		t.Errorf("by number: %q", got)
	}
	if err := CheckName(cert, "ada@subject", "name", "emailAddress"); err != nil {
		t.Error(err)
	}
}

func chainForPKCS12(t *testing.T) (ca, leaf *x509.Certificate, key *ecdsa.PrivateKey) {
	m := newMaker(t, "CA")
	return m.cert, m.client(&x509.Certificate{Subject: pkix.Name{CommonName: "ada"}}), m.key
}
