package setup

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
)

// TestCertifyOverSession: a client gets its next certificate when the one before is due,
// once, with both in its record, so that revoking it revokes both.
func TestCertifyOverSession(t *testing.T) {
	dir := newServer(t).Dir
	if _, err := AddClient(ClientOptions{Dir: dir, Name: "phone", Now: epoch, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	first, err := loadRecord(dir, "phone")
	if err != nil {
		t.Fatal(err)
	}
	request, _, err := pki.NewRequest(rand.Reader, "phone")
	if err != nil {
		t.Fatal(err)
	}
	certify := func(after time.Duration, shown *x509.Certificate, want string) *x509.Certificate {
		t.Helper()
		next, err := Certify(dir, epoch.Add(after), shown, request)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("after %v: %v, want %q", after, err, want)
		}
		return next
	}
	const day = 24 * time.Hour
	certify(500*day, first[0], "is to be renewed from")
	certify(900*day, first[0], "has ended")
	second := certify(600*day, first[0], "")
	certify(600*day+time.Hour, first[0], "less than 12 hours ago")
	if all, err := loadRecord(dir, "phone"); err != nil || len(all) != 2 || !all[0].Equal(second) || !all[1].Equal(first[0]) {
		t.Fatalf("%d certificates in the record: %v", len(all), err)
	}
	foreign, err := pki.NewAuthority(rand.Reader, epoch, pki.Options{Name: "other"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := foreign.IssueClient(rand.Reader, epoch, "phone", 0)
	if err != nil {
		t.Fatal(err)
	}
	others, err := pki.ParseCertificates(pair.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	certify(600*day, others[0], "is not in its record")
	if _, err := Revoke(RevokeOptions{Dir: dir, Name: "phone", Now: epoch.Add(601 * day)}); err != nil {
		t.Fatal(err)
	}
	lists, err := listPlace(dir).load()
	if err != nil || !lists.listed(first[0].SerialNumber) || !lists.listed(second.SerialNumber) {
		t.Errorf("not both are revoked: %v, %s", err, filepath.Base(dir))
	}
	certify(602*day, first[0], "is revoked")
}

// TestCertifySameKey: a client that keeps its key gets a certificate for it.
func TestCertifySameKey(t *testing.T) {
	dir := newServer(t).Dir
	made, err := AddClient(ClientOptions{Dir: dir, Name: "phone", Now: epoch, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	first, err := loadRecord(dir, "phone")
	if err != nil {
		t.Fatal(err)
	}
	_, made, _ = bytes.Cut(made, []byte("<key>"))
	key, err := pki.ParseKey(made)
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.RequestFor(rand.Reader, key, "phone")
	if err != nil {
		t.Fatal(err)
	}
	next, err := Certify(dir, epoch.Add(600*24*time.Hour), first[0], request)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(next.RawSubjectPublicKeyInfo, first[0].RawSubjectPublicKeyInfo) || !next.NotAfter.After(first[0].NotAfter) {
		t.Errorf("until %v, for another key", next.NotAfter)
	}
}
