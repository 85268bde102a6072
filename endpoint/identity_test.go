package endpoint

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
		w.config.Cert = &config.File{Text: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
		w.config.Key = &config.File{Text: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})}
		w.remembers = nil
		w.server()
		if all := strings.Join(w.remembers, "\n"); c.want == "" && all != "" || !strings.Contains(all, c.want) {
			t.Errorf("a certificate from %v to %v: warned %q, want %q", c.begin, c.end, all, c.want)
		}
	}
}

// TestOwnCertificateOverSHA1: likewise of its signature, unless it is its own.
func TestOwnCertificateOverSHA1(t *testing.T) {
	now := time.Now()
	own := &x509.Certificate{RawIssuer: []byte("a"), RawSubject: []byte("b"), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), SignatureAlgorithm: x509.SHA1WithRSA}
	if text := unfit(own, now); !strings.Contains(text, "SHA-1") {
		t.Errorf("signed over SHA-1: %q", text)
	}
	own.RawSubject = own.RawIssuer
	if text := unfit(own, now); text != "" {
		t.Errorf("its own authority: %q", text)
	}
}
