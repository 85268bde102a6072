package profile

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// certified has a renewal ask for a certificate, and the authority give one.
func certified(t *testing.T, ca *pki.Authority, own *tls.Certificate, r *Renewing) (pair pki.Pair, der []byte) {
	t.Helper()
	request, err := r.Request(own)
	if err != nil {
		t.Fatal(err)
	}
	return certificate(t, ca, own, request)
}

// certificate is what the authority gives for a request.
func certificate(t *testing.T, ca *pki.Authority, own *tls.Certificate, request []byte) (pair pki.Pair, der []byte) {
	t.Helper()
	pair, err := ca.Certify(rand.Reader, time.Now(), own.Leaf, request)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := pki.ParseCertificates(pair.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair, certs[0].Raw
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
	r, why := NewRenewing(c)
	if r == nil {
		t.Fatal(why)
	}
	_, der := certified(t, ca, &id, r)
	next, err := r.Take(&id, der, time.Now())
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
	if _, err := r.Take(&id, der, time.Now()); err == nil {
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
		r, _ := NewRenewing(c)
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

// TestNotRenewing: where a certificate cannot be renewed over its session, it is said why.
func TestNotRenewing(t *testing.T) {
	path, c, _ := renewal(t)
	for want, change := range map[string]func(*config.Config){
		"`pkcs12`":                  func(c *config.Config) { c.Trust.PKCS12 = new(config.File) },
		"has none":                  func(c *config.Config) { c.Trust.Cert = nil },
		"`management-external-key`": func(c *config.Config) { c.Trust.Key = nil },
		"`chroot`":                  func(c *config.Config) { c.Process.Chroot = "/var/empty" },
		"not a regular file":        func(c *config.Config) { c.Trust.Cert = &config.File{Name: filepath.Dir(path)} },
		"a regular file":            func(c *config.Config) { c.Trust.Cert = &config.File{Name: "/dev/stdin"} },
	} {
		other := *c
		change(&other)
		if r, why := RenewingBy(&other, nil); r != nil || !strings.Contains(why, want) {
			t.Errorf("%q, want %q", why, want)
		}
	}
	locked := *c
	locked.Process.Chroot = "/var/empty"
	if r, why := RenewingBy(&locked, func(own, next, key []byte) error { return nil }); r == nil {
		t.Errorf("in a `chroot`, with a process outside of it: %s", why)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if r, why := NewRenewing(c); r != nil || !strings.Contains(why, "regular file") {
		t.Errorf("%q", why)
	}
}

// TestEnding: it is said within the last 30 days only.
func TestEnding(t *testing.T) {
	now := time.Now()
	for left, want := range map[time.Duration]bool{31 * day: false, 29 * day: true, time.Hour: true, -time.Hour: false} {
		own := &x509.Certificate{NotAfter: now.Add(left)}
		if text := Ending(own, "its key is elsewhere", now); (text != "") != want || want && (!strings.Contains(text, dateOf(own.NotAfter)) || !strings.Contains(text, "its key is elsewhere; ask")) {
			t.Errorf("%v left: %q", left, text)
		}
	}
	if text := Ending(&x509.Certificate{NotAfter: now.Add(day)}, "", now); !strings.Contains(text, "the server has not") {
		t.Error(text)
	}
}

// TestRenewingKept: a process with rights writes what one without them asks for: a
// certificate of its name and that one's key, and nothing else.
func TestRenewingKept(t *testing.T) {
	path, c, ca := renewal(t)
	id, err := pki.ParseIdentity(c.Trust.Cert.Text, c.Trust.Key.Text)
	if err != nil {
		t.Fatal(err)
	}
	keeper, _ := NewRenewing(c)
	var asked [][]byte
	r, _ := RenewingBy(c, func(own, next, key []byte) error {
		asked = [][]byte{own, next, key}
		return keeper.Keep(own, next, key)
	})
	pair, der := certified(t, ca, &id, r)
	if _, err := r.Take(&id, der, time.Now()); err != nil {
		t.Fatal(err)
	}
	own, next, key := asked[0], asked[1], asked[2]
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, pair.CertPEM) || !bytes.Contains(text, key) {
		t.Fatalf("%v\n%s", err, text)
	}
	other, err := ca.IssueClient(rand.Reader, time.Now(), "another", 0)
	if err != nil {
		t.Fatal(err)
	}
	another, err := pki.ParseCertificates(other.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	for what, ask := range map[string][3][]byte{
		"of before":    {own, next, key},
		"another name": {next, another[0].Raw, other.KeyPEM},
		"another key":  {next, next, other.KeyPEM},
		"no key":       {next, next, nil},
		"rubbish":      {[]byte("x"), next, key},
	} {
		if keeper.Keep(ask[0], ask[1], ask[2]) == nil {
			t.Errorf("%s: written", what)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
		t.Errorf("%v\n%s", err, after)
	}
	if err := keeper.Keep(nil, nil, nil); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + beforeSuffix); err == nil {
		t.Error("the copy stays")
	}
}

// TestRenewingKeepsLines: a key with lines of a configuration around it brings none of them
// into the profile.
func TestRenewingKeepsLines(t *testing.T) {
	path, c, ca := renewal(t)
	id, err := pki.ParseIdentity(c.Trust.Cert.Text, c.Trust.Key.Text)
	if err != nil {
		t.Fatal(err)
	}
	request, key, err := pki.NewRequest(rand.Reader, "phone")
	if err != nil {
		t.Fatal(err)
	}
	_, der := certificate(t, ca, &id, request)
	r, _ := NewRenewing(c)
	if err := r.Keep(id.Leaf.Raw, der, slices.Concat([]byte("</key>\nup /tmp/evil\n<key>\n"), key, []byte("</key>\nup /tmp/evil\n"))); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || bytes.Contains(text, []byte("evil")) {
		t.Errorf("%v\n%s", err, text)
	}
}
