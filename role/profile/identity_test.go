package profile

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"culvert/config"
)

// TestOwnCertificateUnfit: that peers will refuse this side's own certificate is
// said at the start, where whoever can mend it reads.
func TestOwnCertificateUnfit(t *testing.T) {
	w := newWorld(t)
	hour := time.Hour
	key, err := x509.MarshalPKCS8PrivateKey(w.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		begin, end time.Duration
		want       string
	}{
		{-hour, hour, ""},
		{-2 * hour, -hour, "expired at"},
		{hour, 2 * hour, "not yet valid"},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "own"},
			NotBefore: time.Now().Add(c.begin), NotAfter: time.Now().Add(c.end)}
		der, err := x509.CreateCertificate(rand.Reader, template, w.ca, w.key.Public(), w.key)
		if err != nil {
			t.Fatal(err)
		}
		w.config.Trust.Cert = &config.File{Text: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
		w.config.Trust.Key = &config.File{Text: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
		w.remembers = nil
		w.server()
		if all := strings.Join(w.remembers, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("a certificate from %v to %v: warned %q, want %q", c.begin, c.end, all, c.want)
		}
	}
}

// TestOwnAuthorityEnded: likewise of the authority that issued it, where it is at
// hand, and of what the certificate is for at this end.
func TestOwnAuthorityEnded(t *testing.T) {
	w := newWorld(t)
	ended := *w.ca
	ended.NotAfter = time.Now().Add(-time.Minute)
	for _, c := range []struct {
		others []*x509.Certificate
		server bool
		want   string
	}{
		{[]*x509.Certificate{w.ca}, false, ""},
		{[]*x509.Certificate{&ended}, false, `"CN=CA" expired at`},
		{nil, true, "has an extended key usage for TLS client, which rules it out here"},
	} {
		if text := unfit(w.leaf, c.others, c.server, time.Now()); (text == "") != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("server %v: %q, want %q", c.server, text, c.want)
		}
	}
}
