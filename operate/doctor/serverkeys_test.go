package doctor

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/operate/setup"
)

func TestOwnList(t *testing.T) {
	dir := t.TempDir()
	own, other := filepath.Join(dir, "crl.pem"), filepath.Join(dir, "other.pem")
	if err := errors.Join(os.WriteFile(own, nil, 0o600), os.WriteFile(other, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if !ownList(dir+"/.", own) || ownList(dir, other) || ownList(dir, filepath.Join(dir, "none")) {
		t.Errorf("%v, %v", ownList(dir+"/.", own), ownList(dir, other))
	}
}

// A list that --fix signs is in force by the right clock, too, where this host's is years
// ahead and nothing keeps it right; one that ends with its authority is not signed again.
func TestResignedByAWrongClock(t *testing.T) {
	dir, right := filepath.Join(t.TempDir(), "s"), time.Now()
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "vpn.example", Now: right, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	authorities, err := pki.ParseCertificates(text)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "crl.pem")
	list := func() *x509.RevocationList {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lists, err := pki.ParseRevocationLists(text)
		if err != nil {
			t.Fatal(err)
		}
		return lists[0]
	}
	past, ahead := list().ThisUpdate, right.AddDate(2, 0, 0)
	for kept, want := range map[bool]bool{false: true, true: false} {
		at, why := dateFor(ahead, past, kept)
		if _, err := setup.Resign(dir, at); err != nil {
			t.Fatal(err)
		}
		if got := list().ThisUpdate.Before(right); got != want || (why != "") != want {
			t.Errorf("kept right: %v: made %v (%q)", kept, list().ThisUpdate, why)
		}
	}
	if at, _ := dateFor(past.Add(-time.Hour), past, false); at.After(past) {
		t.Errorf("a clock that is behind: %v", at)
	}
	own := list()
	if !endsWith(authorities, own) {
		t.Error("the list of culvert init ends before its authority")
	}
	own.NextUpdate = own.NextUpdate.Add(-time.Hour)
	if endsWith(authorities, own) {
		t.Error("a list that ends earlier is not signed again")
	}
}

// TestSecretsOfUsers: what a server's directory keeps of users is their owner's alone, too.
func TestSecretsOfUsers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes there")
	}
	dir := filepath.Join(t.TempDir(), "s")
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "vpn.example", Now: time.Now(), Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	look := func() (all []string) {
		var n notes
		serverKeys{&server{Options: Options{Dir: dir, File: filepath.Join(dir, "server.conf")}, cfg: new(config.Config)}}.permissionCheck().look(t.Context(), &n)
		for _, f := range n.Findings {
			all = append(all, f.Text)
		}
		return all
	}
	if got := look(); len(got) > 0 {
		t.Error(got)
	}
	for _, name := range []string{"store.db", "audit.log"} {
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), nil, 0o644), os.Chmod(filepath.Join(dir, name), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if got := look(); len(got) != 2 || !strings.Contains(got[0], "store.db") || !strings.Contains(got[1], "audit.log") {
		t.Error(got)
	}
}
