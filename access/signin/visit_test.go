package signin

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/access/auth"
	"culvert/access/onetime"
	"culvert/access/users"
)

var door = netip.MustParseAddrPort("198.51.100.9:4711")

// TestVisit: a page asks for what the groups require, with a password in place of a device's
// certificate.
func TestVisit(t *testing.T) {
	records := people(t)
	records["groups/strict"] = users.Group{Name: "strict", Require: []users.Way{{users.Certificate, users.Code}}}
	records["users/fay"] = users.User{Name: "fay", Password: hash(t, "fay's words"), Groups: []string{"strict"}, TOTP: &users.TOTP{Secret: []byte("12345678901234567890"), Confirmed: true}}
	records["groups/pages"] = users.Group{Name: "pages", Require: []users.Way{{users.Browser}}}
	records["users/gus"] = users.User{Name: "gus", Password: hash(t, "gus's words"), Groups: []string{"pages"}}
	w, ctx := newWorld(t, records), context.Background()
	for name, c := range map[string]struct{ user, password, told string }{
		"right":              {"alice", "correct horse", ""},
		"wrong password":     {"alice", "correct", wrong},
		"nobody":             {"nobody", "correct horse", wrong},
		"without a name":     {"", "correct horse", wrong},
		"only a certificate": {"bert", "any", wrong},
		"disabled":           {"emil", "emil's words", "user emil is disabled"},
		"only by a browser":  {"gus", "gus's words", "this needs " + browserClient},
	} {
		s := w.Visit(c.user, c.password, door).Go(ctx, "")
		if s.Told != c.told || (s.User == nil) != (c.told != "") || s.Ask != nil || s.Err != nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := w.Visit("alice", "correct horse", door).Go(ctx, ""); s.User == nil || s.User.Name != "alice" || s.Shown.String() != "password" {
		t.Errorf("%+v", s)
	}
	now := time.Now()
	w.o.Now = func() time.Time { return now }
	v := w.Visit("fay", "fay's words", door)
	if s := v.Go(ctx, ""); s.Ask == nil || s.Ask.Secret != nil || s.User != nil {
		t.Fatalf("a code alone was enough: %+v", s)
	}
	if s := v.Go(ctx, "000000"); s.Ask == nil || !strings.Contains(s.Ask.Text, "Wrong code") {
		t.Errorf("%+v", s)
	}
	code := onetime.At([]byte("12345678901234567890"), now)
	if s := v.Go(ctx, code); s.User == nil || s.Shown.String() != "password+code" {
		t.Errorf("%+v", s)
	}
	v = w.Visit("fay", "fay's words", door)
	v.Go(ctx, "")
	if s := v.Go(ctx, code); s.User != nil {
		t.Error("a code was good twice")
	}
}

// TestVisitEnrols: who has to give a code and has no app gets one at the page.
func TestVisitEnrols(t *testing.T) {
	w, ctx, now := newWorld(t, people(t)), context.Background(), start
	w.o.Now = func() time.Time { return now }
	v := w.Visit("dora", "dora's words", door)
	s := v.Go(ctx, "")
	if s.Ask == nil || len(s.Ask.Secret) == 0 {
		t.Fatalf("%+v", s)
	}
	if s = v.Go(ctx, onetime.At(s.Ask.Secret, now)); s.User == nil || !enrolled(s.User) && !enrolled(new(w.user("dora"))) {
		t.Errorf("%+v", s)
	}
}

// TestVisitGuesses: guesses at pages and by clients count together.
func TestVisitGuesses(t *testing.T) {
	w, ctx := newWorld(t, people(t)), context.Background()
	for range limitName.free {
		w.check(client("", "alice", "wrong"))
	}
	if s := w.Visit("alice", "correct horse", door).Go(ctx, ""); !strings.Contains(s.Told, "too many wrong passwords") || strings.Contains(s.Told, "TEMP[") {
		t.Errorf("%+v", s)
	}
}

// TestVisitChanged: who is changed between password and code begins anew.
func TestVisitChanged(t *testing.T) {
	w, ctx, now := newWorld(t, people(t)), context.Background(), start
	w.o.Now = func() time.Time { return now }
	v := w.Visit("cleo", "battery staple", door)
	if s := v.Go(ctx, ""); s.Ask == nil {
		t.Fatalf("%+v", s)
	}
	if err := w.o.Records.ChangeUser(ctx, "cleo", func(u *users.User) error { u.SetPassword(hash(t, "another"), now); return nil }); err != nil {
		t.Fatal(err)
	}
	for w.o.Directory.View().User("cleo").SignedOut.IsZero() {
		time.Sleep(time.Millisecond)
	}
	if s := v.Go(ctx, onetime.At([]byte("12345678901234567890"), now)); s.User != nil || s.Told != changedMeanwhile {
		t.Errorf("%+v", s)
	}
}

// TestVisitFrom: whom a provider names is taken for a user as at the VPN, and asked for what is
// required besides.
func TestVisitFrom(t *testing.T) {
	records := people(t)
	records["groups/crew"] = users.Group{Name: "crew", Sources: []string{"oidc:staff"}}
	records["groups/page"] = users.Group{Name: "page", Require: []users.Way{{users.Certificate, users.Browser}, {users.Password, users.Browser}}}
	records["groups/passers"] = users.Group{Name: "passers", Require: []users.Way{{users.Password}}}
	records["users/iris"] = users.User{Name: "iris", Source: "oidc", Groups: []string{"page"}, Subject: "id-iris"}
	records["users/jana"] = users.User{Name: "jana", Source: "ldap"}
	records["users/kira"] = users.User{Name: "kira", Groups: []string{"page"}, Password: hash(t, "kira's words")}
	records["users/lars"] = users.User{Name: "lars", Groups: []string{"page"}}
	records["users/mona"] = users.User{Name: "mona", Source: "oidc", Groups: []string{"passers"}}
	records["users/nils"] = users.User{Name: "nils", Source: "oidc", Disabled: true}
	records["users/otto"] = users.User{Name: "otto", Source: "oidc", TOTP: &users.TOTP{Secret: []byte("12345678901234567890"), Confirmed: true}}
	w, ctx, now := newWorld(t, records), context.Background(), time.Now()
	w.o.Browser, w.o.Now = pages{}, func() time.Time { return now }
	for _, c := range []struct {
		who          auth.Person
		answer, told string
		shown        string
	}{
		{auth.Person{Name: "iris", Subject: "id-iris"}, "", "", "browser"},
		{auth.Person{Name: "iris", Subject: "id-other"}, "", wrong, ""},
		{auth.Person{Name: "new", Groups: []string{"staff"}}, "", "", "browser"},
		{auth.Person{Name: "New", Groups: []string{"staff"}}, "", "give new as your user name here", ""},
		{auth.Person{Name: "a/b"}, "", "this user name cannot be used here", ""},
		{auth.Person{Name: "kira"}, "kira's words", "", "browser+password"},
		{auth.Person{Name: "kira"}, "guessed", wrong, ""},
		{auth.Person{Name: "lars"}, "", taken, ""},
		{auth.Person{Name: "alice"}, "", taken, ""},
		{auth.Person{Name: "jana"}, "", taken, ""},
		{auth.Person{Name: "mona"}, "", "your groups require something else here than what the provider says; sign in by your name and password", ""},
		{auth.Person{Name: "nils"}, "", "user nils is disabled", ""},
		{auth.Person{Name: "otto"}, onetime.At([]byte("12345678901234567890"), now), "", "browser+code"},
	} {
		v := w.VisitFrom(c.who, door)
		s := v.Go(ctx, "")
		if (s.Ask != nil) != (c.answer != "") {
			t.Errorf("%+v: asked %+v", c.who, s.Ask)
		}
		if s.Ask != nil {
			if s.Ask.Password != (c.who.Name == "kira") || s.User != nil {
				t.Errorf("%+v: asked %+v, and in is %+v", c.who, s.Ask, s.User)
			}
			s = v.Go(ctx, c.answer)
		}
		if s.Told != c.told || s.Taken != (c.told == taken) || s.Err != nil || s.Shown.String() != c.shown || (s.User != nil && s.User.Name != c.who.Name) || (s.User == nil) != (c.told != "") {
			t.Errorf("%+v: %+v", c.who, s)
		}
	}
	if u := w.user("new"); u.Source != "oidc" || len(u.Groups) != 1 || u.Groups[0] != "crew" {
		t.Errorf("%+v", u)
	}
	for name, told := range map[string]string{"iris": wrong, "kira": "this needs signing in at the provider: use the button for it"} {
		if s := w.Visit(name, "kira's words", door).Go(ctx, ""); s.Told != told {
			t.Errorf("%s by a password: %+v", name, s)
		}
	}
}

// TestVisitFromGuesses: the password that is asked for after a provider has the brake of others.
func TestVisitFromGuesses(t *testing.T) {
	records := people(t)
	records["groups/page"] = users.Group{Name: "page", Require: []users.Way{{users.Browser}}}
	records["users/kira"] = users.User{Name: "kira", Groups: []string{"page"}, Password: hash(t, "kira's words")}
	w, ctx := newWorld(t, records), context.Background()
	w.o.Browser = pages{}
	for range limitName.free {
		v := w.VisitFrom(auth.Person{Name: "kira"}, door)
		v.Go(ctx, "")
		if s := v.Go(ctx, "guessed"); s.Told != wrong {
			t.Fatalf("%+v", s)
		}
	}
	v := w.VisitFrom(auth.Person{Name: "kira"}, door)
	v.Go(ctx, "")
	if s := v.Go(ctx, "kira's words"); s.User != nil || !strings.Contains(s.Told, "too many wrong passwords") {
		t.Errorf("%+v", s)
	}
	if s := w.Visit("kira", "kira's words", door).Go(ctx, ""); s.User != nil {
		t.Errorf("%+v", s)
	}
}
