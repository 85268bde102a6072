package signin

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

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
