package accounts

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access"
	"culvert/access/audit"
	"culvert/access/auth"
	"culvert/access/users"
	"culvert/role/server"
	"culvert/store"
	"culvert/store/memory"
)

// reviewed is a server without clients.
type reviewed func()

func (r reviewed) Review()                        { r() }
func (r reviewed) Clients() []server.ClientStatus { return nil }

func put(t *testing.T, s store.Store, key string, record any) {
	t.Helper()
	value, err := store.Encode(1, record)
	if err == nil {
		_, err = s.Commit(context.Background(), store.Txn{Put: []store.Put{{Key: key, Value: value}}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReview has the server look at its clients at once when a user is disabled, and soon
// when one has expired.
func TestReview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		put(t, s, "users/anna", users.User{Name: "anna"})
		put(t, s, "users/ben", users.User{Name: "ben", Expires: time.Now().Add(time.Hour)})
		a, err := Open(t.Context(), s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var o server.Options
		if err := a.Join(&o, Directories{}, false); err != nil {
			t.Fatal(err)
		}
		if v := o.SignIn.Check(t.Context(), &auth.Request{Username: "anna", Password: "x"}, nil); v.OK || v.Reason == "" {
			t.Errorf("a stranger signs in: %+v", v)
		}
		barred := func(name string) bool {
			return o.People.Barred(&access.Applicant{Identity: access.Identity{CommonName: access.Nameless, User: name}}, time.Now()) != nil
		}
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		out := make(chan string, 10000)
		go func() {
			defer close(done)
			a.Run(ctx, reviewed(func() {
				for _, name := range []string{"anna", "ben"} {
					if barred(name) {
						out <- name
					}
				}
			}))
		}()
		synctest.Wait()
		if barred("anna") || barred("ben") || barred("stranger") {
			t.Error("somebody is barred")
		}
		put(t, s, "users/anna", users.User{Name: "anna", Disabled: true})
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if len(out) != 1 || <-out != "anna" {
			t.Errorf("right after anna is disabled: %d are out", len(out))
		}
		time.Sleep(time.Hour + expires)
		synctest.Wait()
		end()
		<-done
		close(out)
		last := ""
		for last = range out {
		}
		if last != "ben" {
			t.Errorf("after ben has expired: %q is out", last)
		}
	})
}

// TestRemovedGoes: whoever is in by a user's or device's record that is removed is out, and
// not who never had one.
func TestRemovedGoes(t *testing.T) {
	s := memory.New()
	put(t, s, "users/anna", users.User{Name: "anna"})
	a, err := Open(t.Context(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	device := &x509.Certificate{Subject: pkix.Name{CommonName: "phone.anna", OrganizationalUnit: []string{"device"}}}
	for name, c := range map[string]struct {
		who  access.Applicant
		want string
	}{
		"in":                          {access.Applicant{Identity: access.Identity{CommonName: access.Nameless, User: "anna"}, SignedIn: true}, ""},
		"a user who was removed":      {access.Applicant{Identity: access.Identity{CommonName: "laptop", User: "ben"}, SignedIn: true}, "user ben was removed"},
		"a user whom a program knows": {access.Applicant{Identity: access.Identity{CommonName: "laptop", User: "ben"}}, ""},
		"a device that was removed":   {access.Applicant{Identity: access.Identity{CommonName: "phone.anna", User: "anna"}, SignedIn: true, Chain: []*x509.Certificate{device}}, "device phone.anna was removed"},
	} {
		got := ""
		if err := a.barred(&c.who, time.Now()); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestEntries(t *testing.T) {
	who := server.About{Name: "phone.anna", User: "anna", Remote: netip.MustParseAddrPort("192.0.2.7:1194"), Since: time.Unix(100, 0), At: time.Unix(160, 0)}
	for _, test := range []struct {
		event        server.Event
		what, reason string
	}{
		{server.Up{About: who}, audit.LetIn, ""},
		{server.LoginRefused{About: who}, audit.Refused, "user name or password is wrong"},
		{server.LoginRefused{About: who, Reason: "later", Err: errors.New("no directory answers")}, audit.Refused, "later: no directory answers"},
		{server.LoginRefused{About: who, Reason: "CRV1:R,E:id:YQ==:a key"}, audit.Refused, "a challenge"},
		{server.Refused{About: who, Reason: "full"}, audit.Refused, "full"},
		{server.ShutOut{About: who, Err: errors.New("user anna is disabled")}, audit.ShutOut, "user anna is disabled"},
		{server.Ended{About: who, WasUp: true}, audit.Left, ""},
		{server.Ended{About: who, WasUp: true, Err: errors.New("session ended by this side"), After: server.Disconnected{About: who, Message: "RESTART"}}, audit.Left, "disconnected by the operator"},
		{server.Ended{About: who}, "", ""},
		{server.Entering{About: who}, "", ""},
	} {
		e, ok := EntryOf(test.event)
		if ok != (test.what != "") || e.What != test.what || e.Reason != test.reason {
			t.Errorf("%T: %+v, %v", test.event, e, ok)
		}
		if ok && (e.User != "anna" || e.Client != "phone.anna" || !e.Address.IsValid()) {
			t.Errorf("%T: %+v", test.event, e)
		}
		if test.what == audit.Left && e.Seconds != 60 {
			t.Errorf("%v seconds", e.Seconds)
		}
	}
}

// TestProfilesMade: that the server makes a client's next profile is in the audit log, and an
// announcement alone is not.
func TestProfilesMade(t *testing.T) {
	e := server.CertificateEnding{At: time.Unix(160, 0), CommonName: "phone.anna", Serial: "0a", Ends: time.Unix(0, 0), Days: 30}
	if entry, ok := EntryOf(e); ok {
		t.Errorf("%+v", entry)
	}
	e.Ready = "/etc/culvert/ready/phone.anna.ovpn"
	entry, ok := EntryOf(e)
	if !ok || entry.What != audit.Changed || entry.Client != "phone.anna" || entry.Serial != "0a" || entry.Address.IsValid() ||
		entry.Reason != "its certificate ends on 1970-01-01, and the server made its next profile: /etc/culvert/ready/phone.anna.ovpn" {
		t.Errorf("%+v", entry)
	}
}
