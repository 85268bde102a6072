package setup

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/access/pki"
)

// withClients is a server's directory with clients of these names.
func withClients(t *testing.T, names ...string) *Result {
	t.Helper()
	r := newServer(t)
	for _, name := range names {
		if _, err := AddClient(clientOptions(r.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func revokeClient(t *testing.T, dir, name string) *Revocation {
	t.Helper()
	r, err := Revoke(RevokeOptions{Dir: dir, Name: name, Now: epoch.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// states are the clients of a directory with their states.
func states(t *testing.T, dir string, now time.Time) string {
	t.Helper()
	clients, _, err := Clients(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range clients {
		all = append(all, c.Name+" "+c.State)
	}
	return strings.Join(all, ", ")
}

// in reports whether a client with the certificate of a profile may come in, by
// the list that a server's directory has now.
func in(t *testing.T, dir string, profile []byte) bool {
	t.Helper()
	certs, err := pki.ParseCertificates(block(t, profile, "cert"))
	if err != nil {
		t.Fatal(err)
	}
	roots, _ := pki.ParseCertificates(read(t, dir, caCertFile))
	lists, err := pki.ParseRevocationLists(read(t, dir, listFile))
	if err != nil {
		t.Fatal(err)
	}
	err = pki.CheckRevoked([]*x509.Certificate{certs[0], roots[0]}, lists, epoch.Add(2*time.Hour))
	if err != nil && !errors.As(err, new(*pki.RevokedError)) {
		t.Fatal(err)
	}
	return err == nil
}

func TestClientStates(t *testing.T) {
	r := withClients(t, "ben", "anna")
	if got := states(t, r.Dir, epoch); got != "anna valid, ben valid" {
		t.Error(got)
	}
	revokeClient(t, r.Dir, "ben")
	for want, now := range map[string]time.Time{
		"anna valid, ben revoked":    epoch.Add(pki.LeafLifetime - 31*24*time.Hour),
		"anna expiring, ben revoked": epoch.Add(pki.LeafLifetime - 29*24*time.Hour),
		"anna expired, ben revoked":  epoch.Add(pki.LeafLifetime + time.Second),
	} {
		if got := states(t, r.Dir, now); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestListUnheeded: a list that a server does not go by is no news to believe
// without a word.
func TestListUnheeded(t *testing.T) {
	r, other := withClients(t, "anna"), withClients(t, "ben")
	revokeClient(t, r.Dir, "anna")
	revokeClient(t, other.Dir, "ben")
	list, conf := filepath.Join(r.Dir, listFile), string(read(t, r.Config))
	own := read(t, list)
	line := "crl-verify " + quote(list)
	for _, c := range []struct {
		what, conf string
		list       []byte
		now        time.Time
		want       string
	}{
		{"all is well", conf, own, epoch.Add(2 * time.Hour), ""},
		{"not named", strings.Replace(conf, line, "", 1), own, epoch.Add(2 * time.Hour), "add the line: " + line},
		{"named in another way", strings.Replace(conf, line, "crl-verify "+quote(r.Dir)+" dir", 1), own, epoch.Add(2 * time.Hour), "name that file instead"},
		{"of another authority", conf, read(t, other.Dir, listFile), epoch.Add(2 * time.Hour), "is not signed by the authority in " + r.Dir},
		{"expired", conf, own, epoch.AddDate(100, 0, 0), "expired"},
		{"of tomorrow", conf, own, epoch.AddDate(0, 0, -2), "not yet"},
	} {
		os.WriteFile(r.Config, []byte(c.conf), 0o600)
		os.WriteFile(list, c.list, 0o644)
		if _, problem, err := Clients(r.Dir, c.now); err != nil || (problem == "") != (c.want == "") || !strings.Contains(problem, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.what, problem, err, c.want)
		}
	}
}

func TestNoClients(t *testing.T) {
	if got, problem, err := Clients(newServer(t).Dir, epoch); err != nil || got == nil || len(got) != 0 || problem != "" {
		t.Errorf("%v, %q, %v; want a list with nobody on it", got, problem, err)
	}
	if _, _, err := Clients(t.TempDir(), epoch); err == nil || !strings.Contains(err.Error(), "culvert init") {
		t.Error(err)
	}
}

// TestRevoke: a list grows by each client, ends no sooner than its authority, and
// is the one that server.conf names.
func TestRevoke(t *testing.T) {
	r := withClients(t, "anna", "ben", "eve")
	for _, name := range []string{"eve", "ben"} {
		if got := revokeClient(t, r.Dir, name); got.Already || got.LineAdded || got.Problem != "" || got.List != filepath.Join(r.Dir, listFile) {
			t.Errorf("%+v", got)
		}
	}
	if got := states(t, r.Dir, epoch); got != "anna valid, ben revoked, eve revoked" {
		t.Error(got)
	}
	before := read(t, r.Dir, listFile)
	if got := revokeClient(t, r.Dir, "eve"); !got.Already || !bytes.Equal(before, read(t, r.Dir, listFile)) {
		t.Errorf("revoked twice: %+v", got)
	}
	lists, err := pki.ParseRevocationLists(before)
	if err != nil {
		t.Fatal(err)
	}
	roots, _ := pki.ParseCertificates(read(t, r.Dir, caCertFile))
	if len(lists) != 1 || !lists[0].NextUpdate.Equal(roots[0].NotAfter) || len(lists[0].RevokedCertificateEntries) != 2 {
		t.Errorf("lists: %+v", lists)
	}
	if full, err := x509.ParseRevocationList(lists[0].Raw); err != nil || full.Number.Int64() != 3 {
		t.Errorf("number %v, %v", full.Number, err)
	}
	parseConf(t, r.Config, read(t, r.Config))
}

func TestRevokeWhom(t *testing.T) {
	r := withClients(t, "anna")
	for _, name := range []string{"ben", "", "../server", "a b"} {
		if _, err := Revoke(RevokeOptions{Dir: r.Dir, Name: name, Now: epoch}); err == nil || !strings.Contains(err.Error(), "culvert client list") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestRevokeInADirectoryOfBefore: one without a list gets it, and the line.
func TestRevokeInADirectoryOfBefore(t *testing.T) {
	r := withClients(t, "anna")
	conf, _, _ := bytes.Cut(read(t, r.Config), []byte("\n# Clients that are shut out"))
	os.WriteFile(r.Config, conf, 0o640)
	os.Chmod(r.Config, 0o640)
	os.Remove(filepath.Join(r.Dir, listFile))
	if got := revokeClient(t, r.Dir, "anna"); !got.LineAdded || got.Problem != "" {
		t.Errorf("%+v", got)
	}
	c := parseConf(t, r.Config, read(t, r.Config))
	if info, err := os.Stat(r.Config); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("server.conf has become %v, %v", info.Mode(), err)
	}
	if c.Trust.CRLVerify == nil || c.Trust.CRLVerify.Name != filepath.Join(r.Dir, listFile) || !bytes.HasPrefix(read(t, r.Config), conf) {
		t.Errorf("server.conf:\n%s", read(t, r.Config))
	}
	if got := revokeClient(t, r.Dir, "anna"); got.LineAdded || !got.Already {
		t.Errorf("the second time: %+v", got)
	}
}

// TestRevokeWhereTheListIsElsewhere: the file that server.conf names is the one
// that is written, and what it names in another way is said.
func TestRevokeWhereTheListIsElsewhere(t *testing.T) {
	r := withClients(t, "anna", "ben")
	conf := string(read(t, r.Config))
	line := "crl-verify " + quote(filepath.Join(r.Dir, listFile))
	other := filepath.Join(t.TempDir(), "other.pem")
	os.WriteFile(other, read(t, r.Dir, listFile), 0o644)
	os.WriteFile(r.Config, []byte(strings.Replace(conf, line, "crl-verify "+quote(other), 1)), 0o600)
	if got := revokeClient(t, r.Dir, "anna"); got.List != other || got.Problem != "" || states(t, r.Dir, epoch) != "anna revoked, ben valid" {
		t.Errorf("%+v", got)
	}
	for with, want := range map[string]string{
		"crl-verify " + quote(t.TempDir()) + " dir":                           "name that file instead",
		"<crl-verify>\n" + string(read(t, r.Dir, listFile)) + "</crl-verify>": "has the list inline",
		"crl-verfy x": "cannot read ",
	} {
		os.WriteFile(r.Config, []byte(strings.Replace(conf, line, with, 1)), 0o600)
		if got := revokeClient(t, r.Dir, "ben"); !strings.Contains(got.Problem, want) || got.LineAdded {
			t.Errorf("%s: %+v", with, got)
		}
	}
	// A list that is gone is no reason to leave anybody in.
	os.WriteFile(r.Config, []byte(conf), 0o600)
	os.Remove(filepath.Join(r.Dir, listFile))
	if got := revokeClient(t, r.Dir, "ben"); got.Problem != "" || got.LineAdded {
		t.Errorf("%+v", got)
	}
	os.WriteFile(filepath.Join(r.Dir, listFile), []byte("broken"), 0o600)
	if _, err := Revoke(RevokeOptions{Dir: r.Dir, Name: "anna", Now: epoch}); err == nil || string(read(t, r.Dir, listFile)) != "broken" {
		t.Errorf("a broken list was replaced: %v", err)
	}
}

// TestRevokeAtOnce: of several at the same time none is lost.
func TestRevokeAtOnce(t *testing.T) {
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	r := withClients(t, names...)
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() { revokeClient(t, r.Dir, name) })
	}
	all.Wait()
	if got := states(t, r.Dir, epoch); strings.Count(got, "revoked") != len(names) {
		t.Error(got)
	}
}

// TestRenewAtOnce: of a client's certificates that are made at the same time none
// is forgotten, so that a revocation is of them all.
func TestRenewAtOnce(t *testing.T) {
	r := withClients(t, "anna")
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := RenewClient(RenewClientOptions{ClientOptions: clientOptions(r.Dir, "anna")}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := revokeClient(t, r.Dir, "anna").Serials; len(got) != 11 {
		t.Errorf("%d certificates are revoked, 11 were made", len(got))
	}
}

// TestLockLeftBehind: a process that died holds nobody up for long.
func TestLockLeftBehind(t *testing.T) {
	list := filepath.Join(t.TempDir(), listFile)
	if _, err := lockFile(list, time.Now); err != nil {
		t.Fatal(err)
	}
	later := time.Now()
	if _, err := lockFile(list, func() time.Time { later = later.Add(time.Second); return later }); err == nil || !strings.Contains(err.Error(), listFile+lockSuffix) {
		t.Errorf("taken twice: %v", err)
	}
	unlock, err := lockFile(list, func() time.Time { return time.Now().Add(2 * staleLock) })
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if _, err := os.Stat(list + lockSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func TestRenewClient(t *testing.T) {
	r := newServer(t)
	o := clientOptions(r.Dir, "anna")
	o.Out = filepath.Join(t.TempDir(), "anna.ovpn")
	first, err := AddClient(o)
	if err != nil {
		t.Fatal(err)
	}
	o.Now = epoch.Add(time.Hour)
	got, err := RenewClient(RenewClientOptions{ClientOptions: o})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, o.Out), got.Profile) || bytes.Equal(first, got.Profile) || got.WasRevoked || !got.Expires.After(got.Before) {
		t.Errorf("%+v", got)
	}
	if info, _ := os.Stat(o.Out); info.Mode() != 0o600 {
		t.Errorf("the profile is %v", info.Mode())
	}
	if bytes.Equal(block(t, first, "key"), block(t, got.Profile, "key")) {
		t.Error("the key is the old one")
	}
	if !in(t, r.Dir, first) || !in(t, r.Dir, got.Profile) {
		t.Error("a renewal shut somebody out")
	}
	// What a name was given is shut out together.
	revokeClient(t, r.Dir, "anna")
	if in(t, r.Dir, first) || in(t, r.Dir, got.Profile) {
		t.Error("a revoked client has a profile that is good")
	}
	if _, err := RenewClient(RenewClientOptions{ClientOptions: o}); err == nil || !strings.Contains(err.Error(), "--let-in-again") {
		t.Errorf("a revoked client gets a profile unasked: %v", err)
	}
	again, err := RenewClient(RenewClientOptions{ClientOptions: o, LetInAgain: true})
	if err != nil || !again.WasRevoked {
		t.Fatalf("%+v, %v", again, err)
	}
	if in(t, r.Dir, got.Profile) || !in(t, r.Dir, again.Profile) || states(t, r.Dir, epoch) != "anna valid" {
		t.Errorf("after a renewal: %s", states(t, r.Dir, epoch))
	}
	last, err := RenewClient(RenewClientOptions{ClientOptions: o, RevokeOld: true})
	if err != nil || last.Revocation == nil || in(t, r.Dir, again.Profile) || !in(t, r.Dir, last.Profile) {
		t.Errorf("%+v, %v", last, err)
	}
}

func TestRenewOverwritesNothingElse(t *testing.T) {
	r := withClients(t, "anna", "ben")
	o := clientOptions(r.Dir, "anna")
	ben, err := RenewClient(RenewClientOptions{ClientOptions: clientOptions(r.Dir, "ben")})
	if err != nil {
		t.Fatal(err)
	}
	strange, err := AddClient(clientOptions(newServer(t).Dir, "anna"))
	if err != nil {
		t.Fatal(err)
	}
	before := read(t, recordPath(r.Dir, "anna"))
	for name, text := range map[string][]byte{"another's": ben.Profile, "another server's": strange, "text": []byte("hello"), "empty": nil} {
		o.Out = filepath.Join(t.TempDir(), "x.ovpn")
		os.WriteFile(o.Out, text, 0o600)
		if _, err := RenewClient(RenewClientOptions{ClientOptions: o}); !errors.Is(err, fs.ErrExist) || !bytes.Equal(read(t, o.Out), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !bytes.Equal(before, read(t, recordPath(r.Dir, "anna"))) {
		t.Error("a certificate is recorded that nobody was given")
	}
}
