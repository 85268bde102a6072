package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"culvert/access/auth"
	"culvert/access/oidc/oidctest"
)

// TestProviderDown: a server begins without its provider, says so in the browser, and signs
// people in once it is there.
func TestProviderDown(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	var later atomic.Int64
	w := newWorld(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) } })
	w.source.provider.get(t.Context()) // it was asked when the server began: that is over
	w.fake.Mu.Lock()
	w.fake.Before = func(out http.ResponseWriter, _ string) bool {
		if down.Load() {
			out.WriteHeader(http.StatusServiceUnavailable)
		}
		return down.Load()
	}
	w.fake.Mu.Unlock()
	w.source.provider.mu.Lock()
	w.source.provider.known, w.source.provider.asked = nil, time.Time{}
	w.source.provider.mu.Unlock()
	page, end := w.wait("alice")
	b := w.browser()
	if status, text := b.signIn(page); status != http.StatusBadGateway || !strings.Contains(text, "cannot reach the provider") {
		t.Errorf("%d %s", status, text)
	}
	down.Store(false)
	later.Add(int64(failure))
	if status, text := b.signIn(page); status == http.StatusBadGateway {
		t.Errorf("%d %s", status, text)
	}
	<-end
}

// TestDownAtTheEnd: a provider that does not answer when a code is redeemed leaves the page
// open for another try.
func TestDownAtTheEnd(t *testing.T) {
	w := newWorld(t)
	page, end := w.wait("alice")
	b := w.browser()
	down := true
	w.fake.Mu.Lock()
	w.fake.Before = func(out http.ResponseWriter, path string) bool {
		if path != "/token" || !down {
			return false
		}
		out.WriteHeader(http.StatusBadGateway)
		return true
	}
	w.fake.Mu.Unlock()
	if status, text := b.signIn(page); status != http.StatusBadGateway {
		t.Errorf("%d %s", status, text)
	}
	w.fake.Mu.Lock()
	down = false
	w.fake.Mu.Unlock()
	if status, text := b.signIn(page); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	if got := <-end; got.err != nil {
		t.Error(got.err)
	}
}

// TestRotation: tokens of a new key are taken without a restart, keys are asked for no more
// often than that, and a key that the provider has withdrawn is not good for ever.
func TestRotation(t *testing.T) {
	var later atomic.Int64
	w := newWorld(t, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) } })
	w.fake.Claims = func(c map[string]any) {
		at := w.source.o.Now().Unix()
		c["iat"], c["exp"] = at, at+300
	}
	signIn := func() error {
		page, end := w.wait("alice")
		w.browser().signIn(page)
		return (<-end).err
	}
	for range 3 {
		if err := signIn(); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.fake.Asked["/keys"]; n != 1 {
		t.Errorf("keys were asked for %d times", n)
	}
	w.fake.Rotate(t, "two")
	if err := signIn(); err != nil || w.fake.Asked["/keys"] != 2 {
		t.Errorf("%v after %d questions", err, w.fake.Asked["/keys"])
	}
	key, kid := w.fake.Key, w.fake.KeyID
	w.fake.Rotate(t, "three")
	w.fake.Mu.Lock()
	w.fake.Key, w.fake.KeyID = key, kid // which is not shown any more
	w.fake.Mu.Unlock()
	later.Store(int64(askAgain))
	signIn() // has it ask anew, meanwhile
	for range 200 {
		w.source.provider.mu.Lock()
		asking := w.source.provider.pending
		w.source.provider.mu.Unlock()
		if asking == nil {
			break
		}
		<-asking
	}
	if err := signIn(); err == nil || !strings.Contains(err.Error(), "failed to verify signature") {
		t.Errorf("a key that was withdrawn: %v", err)
	}
}

// TestDescriptions: a provider that names itself otherwise, or whose endpoints others can
// read along, is not asked.
func TestDescriptions(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(self string) string
		want string
	}{
		"another name": {func(self string) string { return `{"issuer":"https://evil.example"}` }, "did not match"},
		"not JSON":     {func(string) string { return "<html>" }, "invalid character"},
		"in clear": {func(self string) string {
			return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"http://sso.example/","token_endpoint":%q,"jwks_uri":%q}`, self, self, self)
		}, "expected https"},
		"a script": {func(self string) string {
			return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"javascript:x","token_endpoint":%q,"jwks_uri":%q}`, self, self, self)
		}, "authorization_endpoint"},
		"without an end":  {func(string) string { return `{"issuer":"` + strings.Repeat("a", maxReply) }, "longer than 1 MiB"},
		"nothing in it":   {func(self string) string { return fmt.Sprintf(`{"issuer":%q}`, self) }, "authorization_endpoint"},
		"another's words": {func(string) string { return "[]" }, "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			f := oidctest.New(t)
			f.Before = func(w http.ResponseWriter, _ string) bool {
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(c.say(f.URL)))
				return true
			}
			w := &world{T: t, fake: f}
			p := newProvider(Options{Issuer: f.URL, Now: time.Now, Roots: w.roots()})
			if _, err := p.get(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestRedirects: the provider is not followed to where others can read along.
func TestRedirects(t *testing.T) {
	f := oidctest.New(t)
	f.Before = func(w http.ResponseWriter, _ string) bool {
		w.Header().Set("Location", "http://sso.example/")
		w.WriteHeader(http.StatusFound)
		return true
	}
	w := &world{T: t, fake: f}
	if _, err := newProvider(Options{Issuer: f.URL, Now: time.Now, Roots: w.roots()}).get(t.Context()); err == nil || !strings.Contains(err.Error(), "expected https") {
		t.Error(err)
	}
}

// TestUserInfo: what the id token lacks is in the user info, which has to be of the same person.
func TestUserInfo(t *testing.T) {
	for _, c := range []struct {
		info map[string]any
		want string
	}{
		{map[string]any{"sub": "1", "preferred_username": "alice", "groups": []string{"staff"}}, ""},
		{map[string]any{"sub": "2", "preferred_username": "alice"}, "somebody else"},
	} {
		w := newWorld(t, func(o *Options) { o.GroupsClaim = "groups" })
		w.fake.Claims = func(claims map[string]any) { delete(claims, "preferred_username") }
		w.fake.Info = c.info
		page, end := w.wait("alice")
		w.browser().signIn(page)
		got := <-end
		switch {
		case c.want == "" && (got.err != nil || !slices.Equal(got.person.Groups, []string{"staff"})):
			t.Errorf("%+v", got)
		case c.want != "" && (got.err == nil || !strings.Contains(got.err.Error(), c.want)):
			t.Errorf("%+v", got)
		}
	}
}

// TestPerson is what becomes of claims.
func TestPerson(t *testing.T) {
	for _, c := range []struct {
		user, domain, text string
		want               string // NAME: GROUPS, or a part of the error
	}{
		{"preferred_username", "", `{"preferred_username":"alice"}`, "alice: []"},
		{"preferred_username", "", `{"preferred_username":"Alice"}`, "Alice: []"},
		{"preferred_username", "", `{"preferred_username":"Alice@Example.org"}`, "alice@example.org: []"},
		{"preferred_username", "example.org", `{"preferred_username":"Alice@Example.org"}`, "alice: []"},
		{"preferred_username", "example.org", `{"preferred_username":"alice@example.org.evil.example"}`, "not an address of example.org"},
		{"preferred_username", "example.org", `{"preferred_username":"alice@evilexample.org"}`, "not an address of example.org"},
		{"preferred_username", "example.org", `{"preferred_username":"alice"}`, "not an address of example.org"},
		{"preferred_username", "example.org", `{"preferred_username":"@example.org"}`, "expected 1 to 64"},
		{"preferred_username", "", `{"preferred_username":["alice"]}`, "names nobody"},
		{"preferred_username", "", `{"preferred_username":null}`, "names nobody"},
		{"email", "", `{"email":"alice@example.org"}`, "not say that the address is verified"},
		{"email", "", `{"email":"alice@example.org","email_verified":false}`, "not say that the address is verified"},
		{"email", "", `{"email":"alice@example.org","email_verified":"false"}`, "not say that the address is verified"},
		{"email", "example.org", `{"email":"alice@example.org","email_verified":true}`, "alice: []"},
		{"email", "example.org", `{"email":"alice@example.org","email_verified":"true"}`, "alice: []"},
		{"sub", "", `{"sub":"alice","groups":["a","b"]}`, "alice: [a b]"},
		{"sub", "", `{"sub":"alice","groups":"a"}`, "alice: [a]"},
		{"sub", "", `{"sub":"alice","groups":[{"name":"a"}]}`, "expected a list"},
		{"sub", "", `{"sub":"alice","groups":{"a":1}}`, "expected a list"},
		{"sub", "", `{"sub":"alice","groups":["` + strings.Repeat("a", maxGroupName+1) + `"]}`, "257 bytes long"},
		{"sub", "", `{"sub":"alice","groups":[` + strings.Repeat(`"a",`, maxGroups) + `"a"]}`, "1001 groups"},
		{"sub", "", `{"sub":"alice","_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://x"}}}`, "too many"},
	} {
		o := Options{UserClaim: c.user, UserDomain: c.domain, GroupsClaim: "groups"}
		var all claims
		if err := json.Unmarshal([]byte(c.text), &all); err != nil {
			t.Fatal(err)
		}
		p, err := o.person(all)
		got := fmt.Sprintf("%s: %v", p.Name, p.Groups)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}

// TestAdmits is who comes in without being known.
func TestAdmits(t *testing.T) {
	known := func(name string) bool { return name == "alice" }
	for _, c := range []struct {
		o    Options
		p    auth.Person
		want bool
	}{
		{Options{}, auth.Person{Name: "alice"}, true},
		{Options{}, auth.Person{Name: "zoe"}, false},
		{Options{AdmitAny: true}, auth.Person{Name: "zoe"}, true},
		{Options{Admit: []string{"staff"}}, auth.Person{Name: "zoe", Groups: []string{"Staff"}}, true},
		{Options{Admit: []string{"staff"}}, auth.Person{Name: "zoe", Groups: []string{"guests"}}, false},
		{Options{Admit: []string{"staff"}}, auth.Person{Name: "alice"}, true},
	} {
		c.o.Known = known
		err := (&Source{o: c.o}).admits(c.p)
		if (err == nil) != c.want || err != nil && !errors.As(err, new(*auth.RefusedError)) {
			t.Errorf("%+v, %+v: %v", c.o, c.p, err)
		}
	}
}

// FuzzPerson: no claims make the program panic, or a name that cannot be one.
func FuzzPerson(f *testing.F) {
	f.Add(`{"sub":"1","preferred_username":"alice","groups":["a"],"email_verified":true}`, "preferred_username", "")
	f.Add(`{"email":"a@b","email_verified":"true","groups":"x","_claim_names":{"groups":"s"}}`, "email", "b")
	f.Fuzz(func(t *testing.T, text, user, domain string) {
		var all claims
		if json.Unmarshal([]byte(text), &all) != nil {
			return
		}
		o := Options{UserClaim: user, UserDomain: domain, GroupsClaim: "groups"}
		p, err := o.person(all)
		if err == nil && (p.Name == "" || strings.ContainsAny(p.Name, "/ \n") || len(p.Groups) > maxGroups) {
			t.Errorf("%+v", p)
		}
	})
}

// FuzzAnswer: no answer of a browser that was not sent for it is taken.
func FuzzAnswer(f *testing.F) {
	s := New(Options{Issuer: "https://127.0.0.1:1", Known: func(string) bool { return true }, Log: discard, Base: "https://vpn.example"})
	h := s.Handler()
	f.Add("state=x&code=y", "x")
	f.Add("error=access_denied&state=%zz", "")
	f.Fuzz(func(t *testing.T, query, cookie string) {
		for _, path := range []string{"/signin/callback", "/signin/x"} {
			if status := ask(h, path, query, cookie); status < 400 {
				t.Errorf("%s?%s: %d", path, query, status)
			}
		}
	})
}
