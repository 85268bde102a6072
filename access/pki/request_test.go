package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
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

// TestCertifySameKey: a certificate that another tool made is renewed for the key that it
// has, of whatever kind, and its subject stays to the byte.
func TestCertifySameKey(t *testing.T) {
	now := time.Now()
	ca, err := NewAuthority(rand.Reader, now, Options{Name: "ca"})
	if err != nil {
		t.Fatal(err)
	}
	utf8 := func(oid asn1.ObjectIdentifier, text string) pkix.RelativeDistinguishedNameSET {
		return pkix.RelativeDistinguishedNameSET{{Type: oid, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)}}}
	}
	// As OpenSSL writes it, and package x509 would not.
	subject, err := asn1.Marshal(pkix.RDNSequence{utf8(asn1.ObjectIdentifier{2, 5, 4, 3}, "phone"), utf8(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, "me@vpn.example")})
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{edwards, curve, long} {
		old, err := sign(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(7), RawSubject: subject, NotBefore: now, NotAfter: now.Add(time.Hour)}, ca.Certificate(), key.Public(), ca.key)
		if err != nil {
			t.Fatal(err)
		}
		request, err := RequestFor(rand.Reader, key, "phone")
		if err != nil {
			t.Fatal(err)
		}
		pair, err := ca.Certify(rand.Reader, now, old, request)
		if err != nil {
			t.Fatalf("%T: %v", key, err)
		}
		next, err := ParseCertificates(pair.CertPEM)
		if err != nil || !bytes.Equal(next[0].RawSubject, subject) || !bytes.Equal(next[0].RawSubjectPublicKeyInfo, old.RawSubjectPublicKeyInfo) {
			t.Errorf("%T: %v\n% x\nexpected\n% x", key, err, next[0].RawSubject, subject)
		}
	}
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := RequestFor(rand.Reader, weak, "phone"); err == nil {
		t.Error("a request with a key that no authority here takes")
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
