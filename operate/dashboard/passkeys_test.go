package dashboard

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"culvert/access/users"
	"culvert/operate/manage/api"
	"culvert/store"
)

// authenticator is a device with passkeys of the dashboard.
type authenticator struct {
	rp virtualwebauthn.RelyingParty
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

// newKey is a key of a passkey. The package that stands for a device drops zeros at the
// beginning of a coordinate, which no device does: such a key is passed over.
func newKey() virtualwebauthn.Credential {
	const whole = 77 // bytes of COSE with two coordinates of 32
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == whole {
			return c
		}
	}
}

func newAuthenticator() *authenticator {
	return &authenticator{
		rp:            virtualwebauthn.RelyingParty{ID: "vpn.example.org", Name: "Culvert", Origin: site},
		Authenticator: virtualwebauthn.NewAuthenticator(), key: newKey(),
	}
}

// enrol has a browser enrol a passkey of the device under a name.
func (a *authenticator) enrol(b *browser, name string, status int) Passkey {
	b.t.Helper()
	var options json.RawMessage
	b.ask("POST", "/auth/passkeys/begin", nil, 200, &options)
	var asked struct {
		PublicKey struct {
			User struct {
				ID   []byte `json:"-"`
				Text string `json:"id"`
			} `json:"user"`
			AuthenticatorSelection struct {
				UserVerification string `json:"userVerification"`
				ResidentKey      string `json:"residentKey"`
			} `json:"authenticatorSelection"`
		} `json:"publicKey"`
	}
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err == nil {
		err = json.Unmarshal(options, &asked)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if s := asked.PublicKey.AuthenticatorSelection; s.UserVerification != "required" || s.ResidentKey != "required" {
		b.t.Errorf("%+v", s)
	}
	a.Options.UserHandle = []byte(parsed.UserID)
	a.AddCredential(a.key)
	var made Passkey
	b.ask("POST", "/auth/passkeys/finish", map[string]any{"name": name, "credential": json.RawMessage(virtualwebauthn.CreateAttestationResponse(a.rp, a.Authenticator, a.key, *parsed))}, status, &made)
	return made
}

// show answers what a browser is asked for, and is what it sends.
func (a *authenticator) show(b *browser) map[string]any {
	b.t.Helper()
	var options json.RawMessage
	b.ask("POST", "/auth/passkey/begin", nil, 200, &options)
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		b.t.Fatal(err)
	}
	if !strings.Contains(string(options), `"userVerification":"required"`) || len(parsed.AllowCredentials) > 0 {
		b.t.Errorf("%s", options)
	}
	return map[string]any{"credential": json.RawMessage(virtualwebauthn.CreateAssertionResponse(a.rp, a.Authenticator, a.key, *parsed))}
}

// TestPasskey: a passkey that was enrolled signs in, in place of password and code, until it
// is removed.
func TestPasskey(t *testing.T) {
	w := newWorld(t)
	b, device := w.browser(), newAuthenticator()
	b.signIn("alice", "correct horse")
	made := device.enrol(b, "  my \n phone ", 200)
	if made.Name != "my phone" || made.ID == "" || made.Used != nil || b.state().OfferSecond {
		t.Errorf("%+v", made)
	}
	b.ask("POST", "/auth/out", nil, 204, nil)

	other := w.browser()
	shown := device.show(other)
	var a Answer
	if other.ask("POST", "/auth/passkey/finish", shown, 200, &a); !a.SignedIn || a.User != "alice" || a.Scope != api.Administer || a.By != "passkey" || a.OfferSecond {
		t.Errorf("%+v", a)
	}
	other.ask("POST", "/auth/passkey/finish", shown, 401, nil) // once
	var all struct{ Passkeys []Passkey }
	if other.ask("GET", "/auth/passkeys", nil, 200, &all); len(all.Passkeys) != 1 || all.Passkeys[0].Used == nil || all.Passkeys[0].ID != made.ID {
		t.Errorf("%+v", all)
	}
	stranger := w.browser()
	stranger.ask("POST", "/auth/link", w.link(""), 200, nil)
	stranger.ask("DELETE", "/auth/passkeys/"+made.ID, nil, 404, nil)
	if stranger.ask("GET", "/auth/passkeys", nil, 200, &all); len(all.Passkeys) != 0 {
		t.Errorf("%+v", all)
	}
	other.ask("DELETE", "/auth/passkeys/"+made.ID, nil, 204, nil)
	last := w.browser()
	var e api.Error
	if last.ask("POST", "/auth/passkey/finish", device.show(last), 401, &e); e.Code != "wrong-passkey" {
		t.Errorf("%+v", e)
	}
}

// TestPasskeyRefused: what does not prove that the person is there, for this dashboard, now.
func TestPasskeyRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, d *authenticator)
		status int
	}{
		"as it is":    {func(*world, *authenticator) {}, 200},
		"unknown key": {func(_ *world, d *authenticator) { d.key = newKey() }, 401},
		"another's key": {func(_ *world, d *authenticator) {
			id := d.key.ID
			d.key = newKey()
			d.key.ID = id
		}, 401},
		"not verified":  {func(_ *world, d *authenticator) { d.Options.UserNotVerified = true }, 401},
		"not present":   {func(_ *world, d *authenticator) { d.Options.UserNotPresent = true }, 401},
		"another site":  {func(_ *world, d *authenticator) { d.rp.Origin = "https://evil.example" }, 401},
		"another name":  {func(_ *world, d *authenticator) { d.rp.ID = "evil.example" }, 401},
		"another owner": {func(_ *world, d *authenticator) { d.Options.UserHandle = []byte("somebody else") }, 401},
		"disabled":      {func(w *world, _ *authenticator) { w.change("alice", func(u *users.User) { u.Disabled = true }) }, 403},
		"left":          {func(w *world, _ *authenticator) { w.change("alice", func(u *users.User) { u.Groups = nil }) }, 403},
		"another of the name": {func(w *world, _ *authenticator) {
			if _, err := w.book.RemoveUser(w.t.Context(), "alice"); err != nil {
				w.t.Fatal(err)
			}
			if err := w.book.AddUser(w.t.Context(), users.User{Name: "alice", Created: w.now().AddDate(0, 0, 1), Groups: []string{"admins"}}); err != nil {
				w.t.Fatal(err)
			}
		}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b, device := w.browser(), newAuthenticator()
			b.signIn("alice", "correct horse")
			device.enrol(b, "phone", 200)
			before := w.o.People.Directory.View().Revision
			c.change(w, device)
			last := revisionOf(t, w)
			until(t, "the directory knows it", func() bool { return w.o.People.Directory.View().Revision >= last })
			other := w.browser()
			var e api.Error
			if other.ask("POST", "/auth/passkey/finish", device.show(other), c.status, &e); c.status != 200 && len(other.cookies) > 1 {
				t.Error("cookies", other.cookies, before)
			}
			if c.status != 200 && other.state().SignedIn {
				t.Error("signed in")
			}
		})
	}
}

// revisionOf is the last one of people's records.
func revisionOf(t *testing.T, w *world) (last store.Revision) {
	t.Helper()
	all, err := w.store.List(t.Context(), "users/")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all.Entries {
		last = max(last, e.Revision)
	}
	return last
}

// TestPasskeyCopied: a device that counts fewer signatures than it has made is not taken.
func TestPasskeyCopied(t *testing.T) {
	w := newWorld(t)
	b, device := w.browser(), newAuthenticator()
	b.signIn("alice", "correct horse")
	device.key.Counter = 5
	device.enrol(b, "phone", 200)
	for _, c := range []struct {
		count  uint32
		status int
	}{{7, 200}, {7, 401}, {6, 401}, {8, 200}} {
		device.key.Counter = c.count
		other := w.browser()
		other.ask("POST", "/auth/passkey/finish", device.show(other), c.status, nil)
	}
}

// TestPasskeyOfOperator: who came by a link of the server's machine enrols a passkey, and has
// all rights by it.
func TestPasskeyOfOperator(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.People.Admit = nil })
	b, device := w.browser(), newAuthenticator()
	b.ask("POST", "/auth/link", w.link(""), 200, nil)
	device.enrol(b, "key", 200)
	other := w.browser()
	if s := other.state(); strings.Join(s.Ways, " ") != "passkey" || !strings.Contains(s.Closed, "no group is let in") || !strings.Contains(s.Mend, "dashboard-admit") {
		t.Errorf("it does not say why no password signs in: %+v", s)
	}
	var a Answer
	if other.ask("POST", "/auth/passkey/finish", device.show(other), 200, &a); a.Scope != api.Administer || a.User != "" || a.Name != "operator (passkey)" {
		t.Errorf("%+v", a)
	}
}

// TestEnrolRefused: no passkey is enrolled that was not asked for, or twice.
func TestEnrolRefused(t *testing.T) {
	w := newWorld(t)
	b, device := w.browser(), newAuthenticator()
	b.signIn("alice", "correct horse")
	b.ask("POST", "/auth/passkeys/finish", map[string]any{"name": "x", "credential": map[string]string{}}, 401, nil)
	device.Options.UserNotVerified = true
	device.enrol(b, "phone", 401)
	device.Options.UserNotVerified = false
	device.rp.Origin = "https://evil.example"
	device.enrol(b, "phone", 401)
	device.rp.Origin = site
	device.enrol(b, "phone", 200)
	device.enrol(b, "again", 401)
	for range mostPasskeys - 1 {
		newAuthenticator().enrol(b, strings.Repeat("n", 100), 200)
	}
	newAuthenticator().enrol(b, "one more", 409)
}

// TestNoPasskeys: an address has none.
func TestNoPasskeys(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		u := *o.URL
		u.Host = "192.0.2.1:8444"
		o.URL = &u
		o.Names = []string{"vpn.example.org"}
	})
	b := w.browser()
	if s := b.state(); strings.Join(s.Ways, " ") != "password" {
		t.Errorf("%+v", s)
	}
	b.ask("POST", "/auth/passkey/begin", nil, 409, nil)
}
