package setup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/access/users"
	"culvert/config"
	"culvert/host/process"
	"culvert/store/memory"
)

// office is a server's directory with alice and bob, who has to give a password and a code.
func office(t *testing.T) Devices {
	t.Helper()
	dir, now := filepath.Join(t.TempDir(), "vpn"), time.Now()
	if _, err := Init(InitOptions{Dir: dir, Host: "vpn.example.org", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	b := users.NewBook(memory.New(), func() time.Time { return now })
	ctx := t.Context()
	if err := errors.Join(b.AddGroup(ctx, users.Group{Name: "staff", Require: []users.Way{{users.Certificate, users.Password, users.Code}}}),
		b.AddGroup(ctx, users.Group{Name: "surfers", Require: []users.Way{{users.Certificate, users.Browser}}}), b.AddUser(ctx, users.User{Name: "dora", Groups: []string{"surfers"}}),
		b.AddGroup(ctx, users.Group{Name: "coders", Require: []users.Way{{users.Certificate, users.Code}}}),
		b.AddUser(ctx, users.User{Name: "alice"}), b.AddUser(ctx, users.User{Name: "bob", Groups: []string{"staff"}}), b.AddUser(ctx, users.User{Name: "carl", Groups: []string{"coders"}})); err != nil {
		t.Fatal(err)
	}
	return Devices{Dir: dir, Book: b, Now: now, Rand: rand.Reader}
}

func phoneOf(user string) NewDevice {
	return NewDevice{Device: users.Device{User: user, Name: "phone"}}
}

// TestDeviceProfiles ask for what their users have to show, and are good configurations.
func TestDeviceProfiles(t *testing.T) {
	d := office(t)
	for user, want := range map[string]string{"alice": "", "bob": "auth-user-pass\nstatic-challenge \"One-time code\" 1\n", "carl": "auth-user-pass\n", "dora": "setenv IV_SSO webauth\npush-peer-info\n"} {
		added, err := d.Add(t.Context(), phoneOf(user))
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.ParseFile(user, added.Profile, process.ReadFile)
		if err != nil {
			t.Fatalf("%v\n%s", err, added.Profile)
		}
		if (c.Login.UserPass != nil) != strings.HasPrefix(want, "auth-user-pass") || !strings.Contains(string(added.Profile), want) || strings.Contains(want, "static") != strings.Contains(string(added.Profile), "\nstatic-challenge") {
			t.Errorf("%s:\n%s", user, added.Profile)
		}
		if certs, err := loadRecord(d.Dir, "phone."+user); err != nil || !pki.IsDevice(certs[0]) {
			t.Errorf("the certificate does not say that it is a device's: %v", err)
		}
		if all, _, err := Clients(d.Dir, d.Now); err != nil || all[0].State != Valid {
			t.Errorf("%v, %v", all, err)
		}
	}
}

// TestDeviceAddFails leaves nothing behind.
func TestDeviceAddFails(t *testing.T) {
	d := office(t)
	out := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n := phoneOf("alice")
	n.Out = out
	if _, err := d.Add(t.Context(), n); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if _, err := AddClient(ClientOptions{Dir: d.Dir, Name: "phone.bob", Now: d.Now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(t.Context(), phoneOf("bob")); err == nil || !strings.Contains(err.Error(), `client "phone.bob" exists`) {
		t.Errorf("%v", err)
	}
	n = phoneOf("alice")
	n.IPv4 = "192.0.2.1"
	if _, err := d.Add(t.Context(), n); err == nil || !strings.Contains(err.Error(), "192.0.2.1 is not in the server's network 10.8.0.0/24") {
		t.Errorf("%v", err)
	}
	for _, user := range []string{"alice", "bob"} {
		if all, err := d.Book.DevicesOf(t.Context(), user); err != nil || len(all) > 0 {
			t.Errorf("%v, %v", all, err)
		}
	}
	if _, err := os.Stat(recordPath(d.Dir, "phone.alice")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestDeviceAddresses: a device gets no address that client-config-dir gives to another client.
func TestDeviceAddresses(t *testing.T) {
	d := office(t)
	ccd := filepath.Join(d.Dir, "ccd")
	if err := os.Mkdir(ccd, 0o700); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(d.Dir, serverConfFile)
	text := append(read(t, conf), "\nclient-config-dir "+filepath.ToSlash(ccd)+"\n"...)
	if err := os.WriteFile(conf, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{"laptop": "10.8.0.254", "phone.alice": "10.8.0.30"} {
		if err := os.WriteFile(filepath.Join(ccd, name), []byte("ifconfig-push "+address+" 255.255.255.0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	auto := phoneOf("bob")
	auto.IPv4 = users.Auto
	if added, err := d.Add(t.Context(), auto); err != nil || added.IPv4.String() != "10.8.0.253" {
		t.Fatalf("%+v, %v", added, err)
	}
	n := phoneOf("alice")
	n.IPv4 = "10.8.0.254"
	if _, err := d.Add(t.Context(), n); err == nil || !strings.Contains(err.Error(), "10.8.0.254 is given to a client by "+filepath.Join(ccd, "laptop")) {
		t.Errorf("%v", err)
	}
	n.IPv4 = "10.8.0.30"
	if _, err := d.Add(t.Context(), n); err != nil {
		t.Errorf("its own file's address: %v", err)
	}
}

// TestDeviceLife: renewed, removed, and added again under its name, whose former
// certificates stay revoked.
func TestDeviceLife(t *testing.T) {
	d := office(t)
	n := phoneOf("alice")
	n.IPv4, n.IPv6 = users.Auto, users.Auto
	added, err := d.Add(t.Context(), n)
	if err != nil || added.IPv4.String() != "10.8.0.254" || !added.IPv6.IsValid() {
		t.Fatalf("%+v, %v", added, err)
	}
	renewed, err := d.Renew(t.Context(), RenewDevice{User: "alice", Name: "phone"})
	if err != nil || bytes.Equal(renewed.Profile, added.Profile) {
		t.Fatalf("%v", err)
	}
	if _, err := d.Renew(t.Context(), RenewDevice{User: "alice", Name: "phobe"}); err == nil || !strings.Contains(err.Error(), "did you mean phone?") {
		t.Errorf("%v", err)
	}
	r, err := d.Remove(t.Context(), "alice", "phone")
	if err != nil || len(r.Serials) != 2 || r.Already {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := d.Renew(t.Context(), RenewDevice{User: "alice", Name: "phone"}); err == nil {
		t.Error("a removed device was renewed")
	}
	if _, err := d.Add(t.Context(), phoneOf("alice")); err != nil {
		t.Fatal(err)
	}
	c, there, err := Client(d.Dir, "phone.alice", d.Now)
	if err != nil || !there || c.State != Valid || len(c.Serials) != 3 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestDeviceIsNoClient leaves a device's profile to what knows what its user has to show.
func TestDeviceIsNoClient(t *testing.T) {
	d := office(t)
	if _, err := d.Add(t.Context(), phoneOf("bob")); err != nil {
		t.Fatal(err)
	}
	o := RenewClientOptions{ClientOptions: ClientOptions{Dir: d.Dir, Name: "phone.bob", Now: d.Now, Rand: rand.Reader}}
	if _, err := RenewClient(o); err == nil || !strings.Contains(err.Error(), "culvert device renew phone --user bob") {
		t.Errorf("a device renewed as a client: %v", err)
	}
	if certs, err := loadRecord(d.Dir, "phone.bob"); err != nil || len(certs) != 1 || !pki.IsDevice(certs[0]) {
		t.Errorf("%d certificates, %v", len(certs), err)
	}
}

// TestRevokeUser: the records stay, and only a renewal that asks for it lets a device in
// again; removing takes all.
func TestRevokeUser(t *testing.T) {
	d := office(t)
	if r, n, err := d.RevokeUser(t.Context(), "alice"); r != nil || n != 0 || err != nil {
		t.Errorf("%v, %d, %v", r, n, err)
	}
	for _, name := range []string{"phone", "pad"} {
		if _, err := d.Add(t.Context(), NewDevice{Device: users.Device{User: "alice", Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	r, n, err := d.RevokeUser(t.Context(), "alice")
	if err != nil || n != 2 || len(r.Serials) != 2 {
		t.Fatalf("%v, %d, %v", r, n, err)
	}
	again := RenewDevice{User: "alice", Name: "pad"}
	if _, err := d.Renew(t.Context(), again); err == nil || !strings.Contains(err.Error(), "--let-in-again") {
		t.Errorf("%v", err)
	}
	again.LetInAgain = true
	if _, err := d.Renew(t.Context(), again); err != nil {
		t.Error(err)
	}
	if r, n, err := d.RemoveUser(t.Context(), "alice"); err != nil || n != 2 || r.Already {
		t.Errorf("%v, %d, %v", r, n, err)
	}
	if _, _, err := d.Book.User(t.Context(), "alice"); err == nil {
		t.Error("alice is there")
	}
	if c, _, err := Client(d.Dir, "pad.alice", d.Now); err != nil || c.State != Revoked {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestInterruptedAdd: a device that has a record and no certificate gets it by a renewal.
func TestInterruptedAdd(t *testing.T) {
	d := office(t)
	if _, err := d.Book.AddDevice(t.Context(), users.Device{User: "alice", Name: "phone"}, users.Addresses{}); err != nil {
		t.Fatal(err)
	}
	r, err := d.Renew(t.Context(), RenewDevice{User: "alice", Name: "phone"})
	if err != nil || len(r.Profile) == 0 || !r.Expires.After(d.Now) {
		t.Errorf("%+v, %v", r, err)
	}
}
