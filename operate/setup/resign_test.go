package setup

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// TestResign: a list that has ended is in force again, with the same clients on it, and
// the copy is the list as it was. Another authority's list stays.
func TestResign(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "s"), time.Now()
	if _, err := Init(InitOptions{Dir: dir, Host: "vpn.example", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if _, err := AddClient(ClientOptions{Dir: dir, Name: "phone", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if _, err := Revoke(RevokeOptions{Dir: dir, Name: "phone", Now: now}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, listFile)
	old, err := process.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := Resign(dir, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(copied); err != nil || string(text) != string(old) {
		t.Errorf("the copy: %v, same: %v", err, string(text) == string(old))
	}
	text, err := process.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	after, err := pki.ParseRevocationLists(text)
	if err != nil || len(after[0].RevokedCertificateEntries) != 1 || string(text) == string(old) {
		t.Errorf("signed again: %d revoked, the same text: %v; %v", len(after[0].RevokedCertificateEntries), string(text) == string(old), err)
	}
	other := filepath.Join(t.TempDir(), "o")
	if _, err := Init(InitOptions{Dir: other, Host: "vpn.example", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, listFile), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Resign(other, now); err == nil {
		t.Error("another authority's list was signed")
	}
}
