package profile

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
)

// renewal is a profile in a file, and what renews its certificate.
func renewal(t *testing.T) (path string, c *config.Config, ca *pki.Authority) {
	t.Helper()
	now := time.Now()
	ca, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "ca"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.IssueClient(rand.Reader, now, "phone", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("# Valid until %s. Mine.\r\nclient\nremote vpn.example\n<key>\n%s</key>\n# between\n<cert>\n%s</cert>\n<ca>\n%s</ca>\nverb 3\n",
		dateOf(pair.NotAfter), pair.KeyPEM, pair.CertPEM, ca.CertPEM())
	path = filepath.Join(t.TempDir(), "my.ovpn")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	if c, err = config.ParseFile(path, []byte(text), os.ReadFile); err != nil {
		t.Fatal(err)
	}
	return path, c, ca
}

// TestRenewing: a certificate for a key made here takes the place of the one before in the
// profile, of which all else stays, and a copy stays until the new one was used.
func TestRenewing(t *testing.T) {
	path, c, ca := renewal(t)
	id, err := pki.ParseIdentity(c.Trust.Cert.Text, c.Trust.Key.Text)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRenewing(c)
	request, err := r.Request(&id)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Certify(rand.Reader, time.Now(), id.Leaf, request)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCertificates(pair.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	next, err := r.Take(&id, certs[0].Raw, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.ParseFile(path, after, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pki.ParseIdentity(again.Trust.Cert.Text, again.Trust.Key.Text); err != nil || !got.Leaf.Equal(next.Leaf) {
		t.Errorf("the profile has %v, %v", got.Leaf, err)
	}
	want := bytes.Replace(before, c.Trust.Cert.Text, again.Trust.Cert.Text, 1)
	want = bytes.Replace(want, c.Trust.Key.Text, again.Trust.Key.Text, 1)
	want = bytes.Replace(want, []byte(dateOf(id.Leaf.NotAfter)), []byte(dateOf(next.Leaf.NotAfter)), 1)
	if !bytes.Equal(after, want) {
		t.Errorf("the profile is\n%s", after)
	}
	for _, p := range []string{path, path + beforeSuffix} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o640 && os.PathSeparator == '/' {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	if kept, err := os.ReadFile(path + beforeSuffix); err != nil || !bytes.Equal(kept, before) {
		t.Errorf("the copy differs: %v", err)
	}
	if _, err := r.Take(&id, certs[0].Raw, time.Now()); err == nil {
		t.Error("taken twice")
	}
	if err := r.Used(time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + beforeSuffix); err != nil {
		t.Errorf("the copy is gone too early: %v", err)
	}
	if err := r.Used(time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + beforeSuffix); err == nil {
		t.Error("the copy stays")
	}
	if _, err := r.Request(&id); err == nil {
		t.Error("a profile that has another certificate by now would be overwritten")
	}
}

// TestRenewingRefuses: a certificate that is not the answer to the request leaves the
// profile as it is.
func TestRenewingRefuses(t *testing.T) {
	path, c, ca := renewal(t)
	id, err := pki.ParseIdentity(c.Trust.Cert.Text, c.Trust.Key.Text)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ca.IssueClient(rand.Reader, time.Now(), "phone", 0)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCertificates(other.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	for what, der := range map[string][]byte{"for another key": certs[0].Raw, "the one before": id.Leaf.Raw, "nothing": nil, "rubbish": []byte("x"), "long": make([]byte, maxRenewed+1)} {
		r := NewRenewing(c)
		if _, err := r.Request(&id); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Take(&id, der, time.Now()); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the profile was changed: %v", err)
	}
}
