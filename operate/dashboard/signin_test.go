package dashboard

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/access/audit"
	"culvert/access/onetime"
	"culvert/access/users"
	"culvert/operate/manage/api"
)

// TestPassword: people sign in with what the VPN asks them for, and may do what their groups
// may.
func TestPassword(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	if s := b.state(); s.SignedIn || strings.Join(s.Ways, " ") != "password passkey" {
		t.Errorf("%+v", s)
	}
	b.ask("GET", "/v1/process", nil, 401, nil)
	a := b.signIn("alice", "correct horse")
	if !a.SignedIn || a.Name != "alice" || a.User != "alice" || a.Scope != api.Administer || a.By != "password" || a.Needs != "" || !a.OfferSecond || !a.CanEnrol {
		t.Errorf("%+v", a)
	}
	var c api.Caller
	if b.ask("GET", "/v1/process", nil, 200, &c); c != (api.Caller{Name: "alice", Scope: api.Administer, Via: "dashboard"}) {
		t.Errorf("%+v", c)
	}
	if s := b.state(); !s.SignedIn || s.IdleSeconds != 1800 || time.Until(s.Until) > 12*time.Hour {
		t.Errorf("%+v", s)
	}
	log := w.audited()
	if e := log[len(log)-1]; e.What != audit.SignedIn || e.User != "alice" || e.Address.String() != "198.51.100.7:4711" || !strings.Contains(e.Reason, "may administer") {
		t.Errorf("%+v", e)
	}
	b.ask("POST", "/auth/out", nil, 204, nil)
	b.ask("GET", "/v1/process", nil, 401, nil)
	if b.state().SignedIn || len(b.cookies) > 0 {
		t.Error("signed out, and still in")
	}
	log = w.audited()
	if e := log[len(log)-1]; e.What != audit.SignedOut || e.User != "alice" {
		t.Errorf("%+v", e)
	}
}

// TestRefused: who is nobody, gives something wrong, or is in no group that is admitted.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		body   any
		status int
		code   string
	}{
		{creds{"alice", "wrong"}, 401, "wrong-sign-in"},
		{creds{"nobody", "correct horse"}, 401, "wrong-sign-in"},
		{creds{"", ""}, 401, "wrong-sign-in"},
		{creds{"alice", strings.Repeat("a", maxPassword+1)}, 401, "wrong-sign-in"},
		{creds{"\x1b[31m\u202e<b>", "x"}, 401, "wrong-sign-in"},
		{creds{"bert", "bert's words"}, 403, "not-admitted"},
		{`{"name":"alice","password":"correct horse","scope":"administer"}`, 400, "bad-request"},
		{`{"name":"alice","password":"correct horse"}{}`, 400, "bad-request"},
		{`{"name":`, 400, "bad-request"},
		{`[]`, 400, "bad-request"},
		{creds{"alice", strings.Repeat("a", maxBody)}, 413, "too-large"},
	} {
		b := w.browser()
		var e api.Error
		b.ask("POST", "/auth/password", c.body, c.status, &e)
		if e.Code != c.code || e.Message == "" || len(b.cookies) > 0 {
			t.Errorf("%.60v: %+v, cookies %v", c.body, e, b.cookies)
		}
	}
	for _, e := range w.audited() {
		if strings.ContainsAny(e.User, "\x1b\u202e") || e.What != audit.Refused {
			t.Errorf("%+v", e)
		}
	}
	if log := w.log.String(); strings.Contains(log, "correct horse") || strings.Contains(log, "bert's words") {
		t.Error("a password is in the log: " + log)
	}
}

// TestGuessing: wrong passwords slow down the next ones, also for the right one.
func TestGuessing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	var e api.Error
	for range 40 {
		if b.ask("POST", "/auth/password", creds{"alice", "wrong"}, 401, &e); strings.Contains(e.Message, "too many") {
			break
		}
	}
	if !strings.Contains(e.Message, "too many wrong passwords") {
		t.Fatalf("%+v", e)
	}
	b.ask("POST", "/auth/password", creds{"alice", "correct horse"}, 401, &e)
	w.wait(time.Hour + time.Minute)
	b.signIn("alice", "correct horse")
}

// TestCode: whose groups or app ask for a code has to give it, by the browser that gave the
// password.
func TestCode(t *testing.T) {
	w := newWorld(t)
	b, other := w.browser(), w.browser()
	a := b.signIn("cleo", "battery staple")
	if a.Needs != "code" || a.SignedIn || a.Text == "" || a.Enrol != nil {
		t.Fatalf("%+v", a)
	}
	b.ask("GET", "/v1/process", nil, 401, nil)
	code := map[string]string{"code": onetime.At(totpSecret, w.now())}
	var e api.Error
	if other.ask("POST", "/auth/code", code, 401, &e); e.Code != "start-again" {
		t.Errorf("another browser gave the code: %+v", e)
	}
	if b.ask("POST", "/auth/code", map[string]string{"code": "000000"}, 200, &a); a.Needs != "code" {
		t.Errorf("%+v", a)
	}
	if b.ask("POST", "/auth/code", code, 200, &a); !a.SignedIn || a.Scope != api.Operate || a.OfferSecond {
		t.Errorf("%+v", a)
	}
	if b.ask("POST", "/auth/code", code, 401, &e); e.Code != "start-again" {
		t.Errorf("%+v", e)
	}
	late := w.browser()
	late.signIn("cleo", "battery staple")
	w.wait(stepTime)
	late.ask("POST", "/auth/code", map[string]string{"code": onetime.At(totpSecret, w.now())}, 401, nil)
	for range 3 {
		late.signIn("cleo", "battery staple")
	}
	for range 2 {
		late.ask("POST", "/auth/code", map[string]string{"code": "000000"}, 200, nil)
	}
	if late.ask("POST", "/auth/code", map[string]string{"code": "000000"}, 401, &e); e.Code != "wrong-sign-in" {
		t.Errorf("%+v", e)
	}
}

// TestCodeEnrols: whose group wants a code, and who has no app, is given a key for one.
func TestCodeEnrols(t *testing.T) {
	w := newWorld(t)
	if err := w.book.ChangeGroup(t.Context(), "admins", func(g *users.Group) error {
		g.Require = []users.Way{{users.Password, users.Code}}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	until(t, "the group requires a code", func() bool { return len(w.o.People.Directory.View().Group("admins").Require) > 0 })
	b := w.browser()
	a := b.signIn("alice", "correct horse")
	if a.Needs != "code" || a.Enrol == nil || !strings.HasPrefix(a.Enrol.URI, "otpauth://totp/") {
		t.Fatalf("%+v", a)
	}
	secret := w.user("alice").TOTP.Secret
	if b.ask("POST", "/auth/code", map[string]string{"code": onetime.At(secret, w.now())}, 200, &a); !a.SignedIn {
		t.Errorf("%+v", a)
	}
	until(t, "the app is known", func() bool { return !b.state().OfferSecond })
}

func (w *world) user(name string) users.User {
	w.t.Helper()
	u, _, err := w.book.User(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return *u
}

// TestCookies: what a page cannot read, no other site is sent, and nobody else can set.
func TestCookies(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice", "correct horse")
	c := b.cookies["__Host-culvert"]
	if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) != 43 {
		t.Fatalf("%+v", c)
	}
	for _, text := range []string{"", "a", c.Value[:42], c.Value + "a", strings.Repeat("!", 43), c.Value[:42] + "~"} {
		other := w.browser()
		other.cookies[c.Name] = &http.Cookie{Name: c.Name, Value: text}
		if other.state().SignedIn {
			t.Errorf("signed in by %q", text)
		}
	}
}

// TestFixation: a cookie that was there before somebody signs in is not theirs afterwards.
func TestFixation(t *testing.T) {
	w := newWorld(t)
	thief := w.browser()
	thief.signIn("alice", "correct horse")
	before := *thief.cookies["__Host-culvert"]
	victim := w.browser()
	victim.cookies[before.Name] = &before
	victim.ask("POST", "/auth/password", creds{"cleo", "battery staple"}, 200, nil)
	var a Answer
	victim.ask("POST", "/auth/code", map[string]string{"code": onetime.At(totpSecret, w.now())}, 200, &a)
	if victim.cookies[before.Name].Value == before.Value {
		t.Error("the cookie of before is that of who signed in")
	}
	if thief.state().SignedIn {
		t.Error("the session of before goes on beside the new one")
	}
}

// TestEnds: sessions end when they are not used, when they are old, and when who is signed in
// may not any more, with what is being answered.
func TestEnds(t *testing.T) {
	for name, end := range map[string]func(w *world, b *browser){
		"idle":     func(w *world, _ *browser) { w.wait(idleTime) },
		"disabled": func(w *world, _ *browser) { w.change("alice", func(u *users.User) { u.Disabled = true }) },
		"left":     func(w *world, _ *browser) { w.change("alice", func(u *users.User) { u.Groups = nil }) },
		"less":     func(w *world, _ *browser) { w.change("alice", func(u *users.User) { u.Groups = []string{"helpers"} }) },
		"password": func(w *world, _ *browser) {
			w.change("alice", func(u *users.User) { u.SetPassword(hashOf(w.t, "another"), w.now()) })
		},
		"removed": func(w *world, _ *browser) {
			if _, err := w.book.RemoveUser(w.t.Context(), "alice"); err != nil {
				w.t.Fatal(err)
			}
		},
		"again": func(w *world, b *browser) { b.signIn("alice", "correct horse") },
		"out":   func(w *world, b *browser) { b.ask("POST", "/auth/out", nil, 204, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.signIn("alice", "correct horse")
			before := map[string]*http.Cookie{"__Host-culvert": b.cookies["__Host-culvert"]}
			stream := b.request("GET", "/v1/events", nil)
			done := make(chan struct{})
			go func() {
				defer close(done)
				(&browser{t, w, b.from, map[string]*http.Cookie{}}).send(stream)
			}()
			<-w.asked
			end(w, b)
			until(t, "the session has ended", func() bool { w.Review(); return !(&browser{t, w, b.from, before}).state().SignedIn })
			<-done
		})
	}
}

func (w *world) change(name string, f func(*users.User)) {
	w.t.Helper()
	if err := w.book.ChangeUser(w.t.Context(), name, func(u *users.User) error { f(u); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// TestLongest: no session lasts longer than half a day, however much it is used.
func TestLongest(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice", "correct horse")
	for passed := time.Duration(0); passed < longestTime-idleTime/2; passed += idleTime / 2 {
		if !b.state().SignedIn {
			t.Fatal("ended while it was used, after", passed)
		}
		w.wait(idleTime / 2)
	}
	w.wait(idleTime / 2)
	if b.state().SignedIn {
		t.Error("it goes on for longer")
	}
}

// TestBounded: one person, and all together, have so many sessions and no more.
func TestBounded(t *testing.T) {
	s := newSessions(func(person) (api.Scope, error) { return api.Read, nil })
	now := time.Now()
	first, _ := s.begin(person{name: "a"}, api.Read, now)
	for range mostOfPerson {
		now = now.Add(time.Second)
		s.begin(person{name: "a"}, api.Read, now)
	}
	if len(s.all) != mostOfPerson || s.get(&first, now) != nil {
		t.Error(len(s.all), "sessions of one person")
	}
	for i := range 2 * mostSessions {
		s.begin(person{name: string(rune('A' + i))}, api.Read, now)
	}
	if len(s.all) != mostSessions {
		t.Error(len(s.all), "sessions")
	}
	r := newWaitingRoom()
	for i := range 3 * mostWaiting {
		r.put(&waiting{from: netOf(i)}, now)
	}
	if len(r.all) != mostWaiting {
		t.Error(len(r.all), "wait")
	}
	mine := r.put(&waiting{from: netOf(1 << 20)}, now)
	for range 2 * mostOfNetwork {
		r.put(&waiting{from: netOf(1<<20 + 1)}, now)
	}
	if r.take(&mine, now) == nil {
		t.Error("another network pushed it out")
	}
	if r.take(&mine, now) != nil {
		t.Error("taken twice")
	}
}

// TestState is JSON with what a page needs also where nothing is.
func TestState(t *testing.T) {
	text, err := json.Marshal(State{Ways: []string{}})
	if err != nil || string(text) != `{"signed_in":false,"ways":[],"can_enrol":false,"offer_second":false}` {
		t.Error(string(text), err)
	}
}
