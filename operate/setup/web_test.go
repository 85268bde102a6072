package setup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"culvert/access/pki"
)

// TestPrepareWeb: a certificate for web pages is made once, for the host that they are at,
// renewed like the server's, and made again for another host or where a file is damaged.
func TestPrepareWeb(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vpn")
	if _, err := Init(InitOptions{Dir: dir, Host: "vpn.example.org", Now: epoch, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	web := func() []byte {
		t.Helper()
		return read(t, dir, webCertFile)
	}
	prepare := func(host string, at time.Time) {
		t.Helper()
		if err := PrepareWeb(dir, host, at); err != nil {
			t.Fatal(err)
		}
		id, err := pki.ParseIdentity(web(), read(t, dir, webKeyFile))
		if err != nil || id.Leaf.VerifyHostname(host) != nil {
			t.Fatal(err)
		}
	}
	prepare("vpn.example.org", epoch)
	first := web()
	prepare("vpn.example.org", epoch.Add(time.Hour))
	if !bytes.Equal(first, web()) {
		t.Error("made again without need")
	}
	if info, err := os.Stat(filepath.Join(dir, webKeyFile)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != privateFile {
		t.Error(info.Mode(), err)
	}
	last := Lastings(dir)[2]
	term, err := last.Term(epoch)
	if err != nil || !term.Due(epoch).After(epoch) {
		t.Fatal(term, err)
	}
	due := term.Due(epoch).Add(time.Hour)
	if err := last.Prolong(due); err != nil {
		t.Fatal(err)
	}
	if next, err := last.Term(due); err != nil || !next.Ends.After(term.Ends) || !next.Due(due).After(due) {
		t.Error(next, err)
	}
	prepare("vpn.example.org", due) // with the same key
	prepare("192.0.2.1", due)
	if err := os.WriteFile(filepath.Join(dir, webKeyFile), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	prepare("192.0.2.1", due)

	if err := os.Rename(filepath.Join(dir, caKeyFile), filepath.Join(dir, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	prepare("192.0.2.1", due)
	if err := PrepareWeb(dir, "other.example.org", due); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if err := PrepareWeb(t.TempDir(), "vpn.example.org", epoch); err == nil {
		t.Error("a certificate without an authority")
	}
}
