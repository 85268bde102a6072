package doctor

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/passkeys"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/manage/api"
	"culvert/operate/manage/tokens"
	"culvert/operate/people"
	"culvert/operate/setup"
	"culvert/store"
)

// TestAdmission: a dashboard that nobody may use, and an API that no token opens, are named, by
// what the store of the directory has. None is made where there is none.
func TestAdmission(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "vpn"), time.Now()
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "vpn.example.org", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, people.File)
	os.Remove(kept)
	cfg := &config.Config{Mode: config.ModeServer}
	cfg.Server.Dashboard.Listen, cfg.Server.API.Listen = netip.MustParseAddrPort("127.0.0.1:8444"), netip.MustParseAddrPort("127.0.0.1:8445")
	cfg.Server.Dashboard.Admit = []config.DashboardAdmit{{Group: "admins", Scope: "administer"}, {Group: "staff", Scope: "read"}}
	says := func(what string, at time.Time, want ...string) {
		t.Helper()
		s := &server{Options: Options{Dir: dir, Now: func() time.Time { return at }}, cfg: cfg}
		var got []string
		for _, r := range run(t.Context(), s.admissionChecks(t.Context()), false, func(Result) {}) {
			if r.Outcome == Unknown {
				t.Errorf("%s: %s: %s", what, r.Check, r.Why)
			}
			for _, f := range r.Findings {
				got = append(got, fmt.Sprintf("%s: %s: %s", r.Check, f.Severity, f.Text))
				if f.Mend == "" {
					t.Errorf("nothing mends: %s", f.Text)
				}
			}
		}
		same := len(got) == len(want)
		for i := 0; same && i < len(got); i++ {
			same = strings.HasPrefix(got[i], want[i])
		}
		if !same {
			t.Errorf("%s: got\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	const none, noTokens = "dashboard users: warning: nobody may use the dashboard", "API tokens: warning: no program can ask the API: there are no tokens"
	says("no store", now, "dashboard users: warning: dashboard-admit lets the group admins in, which does not exist",
		"dashboard users: warning: dashboard-admit lets the group staff in, which does not exist", none, noTokens)
	if _, err := os.Stat(kept); err == nil {
		t.Error("the doctor made a store")
	}
	change := func(f func(s store.Store, b *users.Book) error) {
		t.Helper()
		s, err := people.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := f(s, users.NewBook(s, func() time.Time { return now })); err != nil {
			t.Fatal(err)
		}
	}
	change(func(s store.Store, b *users.Book) error {
		if _, _, err := tokens.Add(t.Context(), s, now, "job", api.Read, now.Add(time.Hour), "test"); err != nil {
			return err
		}
		for _, g := range []string{"admins", "staff"} {
			if err := b.AddGroup(t.Context(), users.Group{Name: g}); err != nil {
				return err
			}
		}
		return b.AddUser(t.Context(), users.User{Name: "anna", Groups: []string{"admins"}, Disabled: true})
	})
	says("the only one is disabled", now, none)
	says("the token ended", now.Add(2*time.Hour), none, "API tokens: warning: no program can ask the API: all tokens have ended")
	change(func(_ store.Store, b *users.Book) error {
		return b.AddUser(t.Context(), users.User{Name: "bert", Groups: []string{"staff"}})
	})
	says("one reads", now, "dashboard users: note: nobody who signs in to the dashboard may administer")
	cfg.Server.Dashboard.Admit = nil
	says("links alone", now, "dashboard users: note: nobody signs in to the dashboard but by a link")
	change(func(s store.Store, _ *users.Book) error {
		value, err := store.Encode(passkeys.Version, passkeys.Passkey{Name: "key", Created: now, ID: []byte("1")})
		if err != nil {
			return err
		}
		_, err = s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: passkeys.Key([]byte("1")), Value: value}}})
		return err
	})
	says("a passkey of whoever has all rights", now)
	cfg.Server.Dashboard.Admit = []config.DashboardAdmit{{Group: "staff", Scope: "read"}}
	says("and one reads", now)
	change(func(_ store.Store, b *users.Book) error {
		return b.ChangeUser(t.Context(), "anna", func(u *users.User) error { u.Disabled = false; return nil })
	})
	cfg.Server.Dashboard.Admit = []config.DashboardAdmit{{Group: "admins", Scope: "administer"}}
	says("all is well", now)
}
