package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"
	"time"
)

// TestCertify: the next certificate is for the key of the request and has the subject of the
// one before; what the request says besides is refused.
func TestCertify(t *testing.T) {
	now := time.Now()
	ca, err := NewAuthority(rand.Reader, now, Options{Name: "ca"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.IssueDevice(rand.Reader, now, "phone.anna", 0)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := ParseCertificates(pair.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	request, key, err := NewRequest(rand.Reader, "phone.anna")
	if err != nil {
		t.Fatal(err)
	}
	next, err := ca.Certify(rand.Reader, now, certs[0], request)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ParseIdentity(next.CertPEM, key)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(id.Leaf.RawSubject, certs[0].RawSubject) || !IsDevice(id.Leaf) || !ca.Issued(id.Leaf) || id.Leaf.SerialNumber.Cmp(certs[0].SerialNumber) == 0 {
		t.Errorf("%v, after %v", id.Leaf.Subject, certs[0].Subject)
	}
	if err := CheckPurpose(id.Leaf, ClientUsage); err != nil {
		t.Error(err)
	}

	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	made := func(r x509.CertificateRequest, key any) []byte {
		text, err := x509.CreateCertificateRequest(rand.Reader, &r, key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	name := pkix.Name{CommonName: "phone.anna"}
	if _, err := ca.Certify(rand.Reader, now, certs[0], made(x509.CertificateRequest{Subject: name}, long)); err != nil {
		t.Errorf("RSA of 2048 bits: %v", err)
	}
	forged := slices.Clone(request)
	forged[len(forged)-1] ^= 1
	for what, request := range map[string][]byte{
		"another name":    made(x509.CertificateRequest{Subject: pkix.Name{CommonName: "phone.ben"}}, good),
		"more names":      made(x509.CertificateRequest{Subject: name, DNSNames: []string{"server"}}, good),
		"more in subject": made(x509.CertificateRequest{Subject: pkix.Name{CommonName: "phone.anna", OrganizationalUnit: []string{"x"}}}, good),
		"a weak key":      made(x509.CertificateRequest{Subject: name}, weak),
		"forged":          forged,
		"long":            make([]byte, MaxRequest+1),
		"nothing":         nil,
	} {
		if _, err := ca.Certify(rand.Reader, now, certs[0], request); err == nil {
			t.Errorf("%s: certified", what)
		}
	}
}

// FuzzParseRequest: a request from a stranger never panics, and has a good key.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte{0x30, 0x03, 0x02, 0x01, 0x00})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, der []byte) {
		if key, name, err := ParseRequest(der); err == nil && (checkRequested(key) != nil || name == "") {
			t.Errorf("%T of %q", key, name)
		}
	})
}
