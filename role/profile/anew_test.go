package profile

import (
	"crypto/rand"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/pki"
	"culvert/config"
)

// TestCertificateReadAgain: a server shows its certificate as the file is at each
// handshake, unless peers would refuse that.
func TestCertificateReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		ca := must(pki.NewAuthority(rand.Reader, now, pki.Options{Name: "CA"}))
		pair := must(ca.IssueServer(rand.Reader, now, "server", 0))
		path := filepath.Join(t.TempDir(), "server.crt")
		write := func(text []byte) {
			t.Helper()
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * readAgain)
		}
		write(pair.CertPEM)
		c := &config.Config{Trust: config.Trust{CA: &config.File{Inline: true, Text: ca.CertPEM()},
			Cert: &config.File{Name: path, Text: pair.CertPEM}, Key: &config.File{Inline: true, Text: pair.KeyPEM}}}
		var said []string
		settings := must(TLS(c, true, func(text string) { said = append(said, text) }))
		shown := func() *big.Int { return Identity(settings).Leaf.SerialNumber }
		first := shown()
		old := Identity(settings).Leaf
		renewed := must(ca.Prolong(rand.Reader, now, old, nil))
		write(renewed.CertPEM)
		second := shown()
		if second.Cmp(first) == 0 || len(said) != 1 || !strings.Contains(said[0], "read again") {
			t.Fatalf("not read again: %q", said)
		}
		ended := must(ca.Renew(rand.Reader, now, old, time.Second))
		for name, bad := range map[string]struct {
			text []byte
			want string
		}{
			"another key": {must(ca.IssueServer(rand.Reader, now, "server", 0)).CertPEM, "SIGHUP"},
			"ended":       {ended.CertPEM, "expired"},
			"no text":     {nil, "SIGHUP"},
			"junk":        {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "SIGHUP"},
		} {
			said = nil
			write(bad.text)
			for range 3 {
				time.Sleep(2 * readAgain)
				if shown().Cmp(second) != 0 {
					t.Fatalf("%s is shown", name)
				}
			}
			if len(said) != 1 || !strings.Contains(said[0], bad.want) || strings.Contains(said[0], "PRIVATE") {
				t.Errorf("%s: %q", name, said)
			}
		}
		said = nil
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * readAgain)
		if shown().Cmp(second) != 0 || len(said) > 0 {
			t.Errorf("the file is gone: %q", said)
		}
		write(renewed.CertPEM)
		if shown().Cmp(second) != 0 {
			t.Error("another after it was put back")
		}
	})
}
