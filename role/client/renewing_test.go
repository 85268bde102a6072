package client

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/role/event"
)

// TestRenewalRefusedOnce: where the next certificate cannot be written, the client says so
// once, with what to do, and not at each offer.
func TestRenewalRefusedOnce(t *testing.T) {
	now := time.Now()
	ca, err := pki.NewAuthority(rand.Reader, now, pki.Options{Name: "ca"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.IssueClient(rand.Reader, now, "phone", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	text := []byte("client\ndev null\nremote vpn.example\nca ca.crt\ncert my.crt\nkey my.key\ncd " + dir + "\n")
	if err := errors.Join(os.WriteFile(in("my.crt"), pair.CertPEM, 0o600), os.WriteFile(in("my.key"), pair.KeyPEM, 0o600), os.WriteFile(in("ca.crt"), ca.CertPEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, err := config.ParseFile(in("my.conf"), text, func(name string) ([]byte, error) { return os.ReadFile(in(filepath.Base(name))) })
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	refuses := errors.New("my.crt cannot be replaced; have it writable")
	cl, err := New(c, Options{Log: slog.New(slog.DiscardHandler), Renew: func(own, next, key []byte) error { return refuses },
		Events: func(e Event) {
			if r, ok := e.(event.Remark); ok && r.Err != nil {
				said = append(said, r.Text+": "+r.Err.Error())
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	a := &attempt{Client: cl, settings: cl.choice.Main, up: true}
	if a.settings.Session.PeerInfo["IV_RENEW"] != "1" {
		t.Errorf("the server is not told that this client takes certificates: %v", a.settings.Session.PeerInfo)
	}
	for range 3 {
		certificate(a, "OFFER")
	}
	if len(said) != 1 || !strings.Contains(said[0], refuses.Error()) {
		t.Errorf("said %q", said)
	}
}
