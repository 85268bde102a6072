package pki

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCheckFingerprint(t *testing.T) {
	id, err := SelfSigned(rand.Reader, time.Now(), "host")
	if err != nil {
		t.Fatal(err)
	}
	chain, err := ParseCertificates(id.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.ToLower(strings.ReplaceAll(Fingerprint(chain[0]), ":", ""))
	other := strings.Repeat("00", 32)
	if err := CheckFingerprint(chain, []string{other, hash}); err != nil {
		t.Error(err)
	}
	if err := CheckFingerprint(chain, nil); err != nil {
		t.Errorf("no list: %v", err)
	}
	var refused *FingerprintError
	if err := CheckFingerprint(chain, []string{other}); !errors.As(err, &refused) || !strings.Contains(err.Error(), Fingerprint(chain[0])) {
		t.Errorf("another certificate: %v", err)
	}
	if err := CheckFingerprint([]*x509.Certificate{}, []string{hash}); err == nil {
		t.Error("no certificate was accepted")
	}
}
