package dashboard

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"culvert/access/audit"
	"culvert/access/oidc"
	"culvert/access/oidc/oidctest"
	"culvert/access/onetime"
	"culvert/access/users"
	"culvert/operate/manage/api"
)

// provided is a dashboard whose people sign in at a provider, too.
type provided struct {
	*world
	provider *oidctest.Provider
	client   *http.Client // of who is sent there
}

func newProvided(t testing.TB, change ...func(*Options)) *provided {
	t.Helper()
	f := oidctest.New(t)
	roots := x509.NewCertPool()
	roots.AddCert(f.Certificate())
	with := func(o *Options) {
		directory := o.People.Directory
		o.People.Provider = oidc.New(oidc.Options{
			Issuer: f.URL, ClientID: "culvert", ClientSecret: "word", Scopes: []string{"openid"}, UserClaim: "preferred_username", GroupsClaim: "groups", Admit: []string{"staff"},
			Base: "https://vpn.example.org:8443", Roots: roots, Log: slog.New(slog.DiscardHandler),
			Known: func(name string) bool {
				u := directory.View().User(name)
				return u != nil && !u.Came
			},
		})
	}
	w := &provided{world: newWorld(t, append([]func(*Options){with}, change...)...), provider: f, client: f.Client()}
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, g := range []users.Group{
		{Name: "page", Require: []users.Way{{users.Certificate, users.Browser}}},
		{Name: "crew", Sources: []string{"oidc:staff"}},
	} {
		if err := w.book.AddGroup(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	for _, u := range []users.User{
		{Name: "dora", Source: "oidc", Groups: []string{"admins"}},
		{Name: "erna", Source: "oidc", Groups: []string{"guests"}},
		{Name: "fred", Source: "oidc", Groups: []string{"admins"}, Disabled: true},
		{Name: "gina", Password: hashOf(t, "gina's words"), Groups: []string{"helpers", "page"}},
		{Name: "hugo", Source: "oidc", Groups: []string{"helpers"}, TOTP: &users.TOTP{Secret: totpSecret, Confirmed: true}},
	} {
		if err := w.book.AddUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the people are known", func() bool {
		v := w.o.People.Directory.View()
		return v.User("hugo") != nil && v.Group("crew") != nil
	})
	return w
}

// as has the provider sign in somebody.
func (w *provided) as(name string, more ...func(map[string]any)) {
	w.provider.Mu.Lock()
	defer w.provider.Mu.Unlock()
	w.provider.Claims = func(c map[string]any) {
		c["preferred_username"], c["sub"], c["groups"] = name, "id-"+name, []string{}
		for _, f := range more {
			f(c)
		}
	}
}

// away has a browser go to the provider, and returns what it is to bring back.
func (w *provided) away(b *browser) url.Values {
	w.t.Helper()
	var to struct{ Address string }
	b.ask("POST", "/auth/oidc/begin", nil, 200, &to)
	r, err := w.client.Get(to.Address)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Body.Close()
	at, err := r.Location()
	if err != nil {
		w.t.Fatal(err)
	}
	answer := at.Query()
	if at.RawQuery = ""; at.String() != site+"/auth/oidc/return" {
		w.t.Errorf("sent back to %s", at)
	}
	return answer
}

// back has a browser come back: another site sends it, and so it has cookies of the lax kind alone.
func (b *browser) back(answer url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest("GET", site+ReturnPath+"?"+answer.Encode(), nil)
	r.RemoteAddr = b.from
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	for _, c := range b.cookies {
		if c.SameSite == http.SameSiteLaxMode {
			r.AddCookie(c)
		}
	}
	rec := b.send(r)
	if rec.Code != 303 || rec.Header().Get("Location") != "/#oidc" || rec.Body.Len() > 0 {
		b.t.Errorf("%d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	return rec
}

func (w *provided) last() audit.Entry {
	all := w.audited()
	return all[len(all)-1]
}

// TestProvider: who signs in at the provider is in as that user, and may do what their groups may.
func TestProvider(t *testing.T) {
	w := newProvided(t)
	b := w.browser()
	if s := b.state(); strings.Join(s.Ways, " ") != "password passkey oidc" || "https://"+s.Provider != w.provider.URL {
		t.Errorf("%+v", s)
	}
	w.as("dora")
	answer := w.away(b)
	c := b.cookies["__Host-culvert-away"]
	if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 300 {
		t.Errorf("%+v", c)
	}
	b.ask("POST", "/auth/oidc/finish", nil, 401, nil) // too early
	b.back(answer)
	if b.cookies["__Host-culvert-away"] != nil || b.state().SignedIn {
		t.Error("in before the page asked, or the cookie stays")
	}
	before := b.cookies["__Host-culvert-step"]
	var a Answer
	if b.ask("POST", "/auth/oidc/finish", nil, 200, &a); !a.SignedIn || a.User != "dora" || a.Scope != api.Administer || a.By != "oidc" || a.OfferSecond {
		t.Errorf("%+v", a)
	}
	if e := w.last(); e.What != audit.SignedIn || e.User != "dora" || e.Reason != "dashboard: by browser, may administer" {
		t.Errorf("%+v", e)
	}
	thief := w.browser()
	thief.cookies[before.Name] = before
	if thief.ask("POST", "/auth/oidc/finish", nil, 401, nil); thief.state().SignedIn {
		t.Error("an answer counted twice")
	}
	w.as("nora", func(c map[string]any) { c["groups"] = []string{"staff"} }) // becomes a user, as at the VPN
	n := w.browser()
	n.back(w.away(n))
	var e api.Error
	if n.ask("POST", "/auth/oidc/finish", nil, 403, &e); e.Code != "not-admitted" || !strings.Contains(e.Mend, "dashboard-admit") {
		t.Errorf("%+v", e)
	}
	if u := w.user("nora"); u.Source != "oidc" || strings.Join(u.Groups, " ") != "crew" || w.last().What != audit.Refused {
		t.Errorf("%+v %+v", u, w.last())
	}
}

// TestProviderAsks: what a user's groups require besides is asked for.
func TestProviderAsks(t *testing.T) {
	w := newProvided(t)
	for name, c := range map[string]struct {
		wrong, right string
		password     bool
		status       int
	}{"gina": {"guessed", "gina's words", true, 401}, "hugo": {"000000", onetime.At(totpSecret, w.now()), false, 200}} {
		w.as(name)
		var a Answer
		for _, given := range []string{c.wrong, c.right} {
			b := w.browser()
			b.back(w.away(b))
			if b.ask("POST", "/auth/oidc/finish", nil, 200, &a); a.Needs != "code" || a.Password != c.password || b.state().SignedIn {
				t.Fatalf("%s: %+v", name, a)
			}
			if given == c.wrong {
				b.ask("POST", "/auth/code", map[string]string{"code": given}, c.status, nil)
			} else if b.ask("POST", "/auth/code", map[string]string{"code": given}, 200, &a); !a.SignedIn || a.User != name || a.By != "oidc" {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
}

// TestProviderRefused: whatever comes back that is not for this browser, this time, from the
// provider, about somebody who may, signs nobody in; they are told why, and the audit log.
func TestProviderRefused(t *testing.T) {
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	for name, c := range map[string]struct {
		who    string
		claims func(map[string]any)
		change func(w *provided, b *browser, answer url.Values) // before the browser is back
		then   func(w *provided, b *browser)                    // before the page asks
		status int
		code   string
		told   string // in the message or what mends it
		noted  string // in the audit log; "": nothing
	}{
		"another state":         {change: func(_ *provided, _ *browser, a url.Values) { a.Set("state", "x") }, status: 401, code: "start-again", told: "used before, came too late", noted: "used before, came too late"},
		"no state":              {change: func(_ *provided, _ *browser, a url.Values) { a.Del("state") }, status: 401, code: "start-again", told: "in this browser", noted: "for another browser"},
		"another browser":       {change: func(w *provided, b *browser, _ url.Values) { delete(b.cookies, "__Host-culvert-away") }, status: 401, code: "start-again", told: "in this browser", noted: "for another browser"},
		"another's trip":        {change: func(w *provided, b *browser, _ url.Values) { w.away(b) }, status: 401, code: "start-again", told: "in this browser", noted: "for another browser"},
		"too late":              {change: func(w *provided, _ *browser, _ url.Values) { w.wait(stepTime) }, status: 401, code: "start-again", told: "came too late", noted: "came too late"},
		"asked too late":        {then: func(w *provided, _ *browser) { w.wait(stepTime) }, status: 401, code: "start-again", told: "came too late"},
		"another nonce":         {claims: set("nonce", "x"), status: 401, code: "wrong-sign-in", told: "finds the reason in its log", noted: "another sign-in (nonce)"},
		"an old token":          {claims: set("exp", 1), status: 401, code: "wrong-sign-in", told: "finds the reason in its log", noted: "expired"},
		"another audience":      {claims: set("aud", "x"), status: 401, code: "wrong-sign-in", told: "finds the reason", noted: "audience"},
		"another code":          {change: func(_ *provided, _ *browser, a url.Values) { a.Set("code", "x") }, status: 401, code: "wrong-sign-in", told: "finds the reason", noted: "does not take the code"},
		"another provider":      {change: func(_ *provided, _ *browser, a url.Values) { a.Set("iss", "https://evil.example") }, status: 401, code: "wrong-sign-in", told: "finds the reason", noted: "another provider"},
		"the provider says no":  {change: func(_ *provided, _ *browser, a url.Values) { a.Del("code"); a.Set("error", "access_denied\u202e") }, status: 401, code: "wrong-sign-in", told: `signed nobody in, and says: access_denied\u202e`, noted: `access_denied\u202e`},
		"the provider is away":  {then: func(w *provided, _ *browser) { w.provider.CloseClientConnections(); w.provider.Close() }, status: 503, code: "provider-away", told: "does not answer this server"},
		"unknown":               {who: "zoe", status: 401, code: "wrong-sign-in", told: "culvert user add NAME --source oidc", noted: "zoe is not known here"},
		"a name that is none":   {who: "../x", status: 401, code: "wrong-sign-in", told: "finds the reason", noted: "expected 1 to 64 letters"},
		"another's name":        {who: "alice", status: 401, code: "wrong-sign-in", told: "is not yours; ask who runs this server who runs this server says so by culvert user add NAME --source oidc", noted: "culvert user set alice --source oidc"},
		"disabled":              {who: "fred", status: 401, code: "wrong-sign-in", told: "user fred is disabled ask who runs this server, or", noted: "user fred is disabled"},
		"not an administrator":  {who: "erna", status: 403, code: "not-admitted", told: "a group that dashboard-admit names", noted: "not one of those"},
		"disabled in between":   {then: func(w *provided, _ *browser) { w.change("dora", func(u *users.User) { u.Disabled = true }) }, status: 401, code: "wrong-sign-in", told: "is disabled", noted: "is disabled"},
		"nobody is let in here": {then: func(w *provided, _ *browser) { w.o.People.Admit = nil }, status: 401, code: "start-again", told: "used before"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newProvided(t)
			if c.who == "" {
				c.who = "dora"
			}
			w.as(c.who)
			if c.claims != nil {
				w.as(c.who, c.claims)
			}
			b := w.browser()
			answer := w.away(b)
			code := answer.Get("code")
			if c.change != nil {
				c.change(w, b, answer)
			}
			b.back(answer)
			if c.then != nil {
				c.then(w, b)
			}
			var e api.Error
			b.ask("POST", "/auth/oidc/finish", nil, c.status, &e)
			if e.Code != c.code || !strings.Contains(e.Message+" "+e.Mend, c.told) || e.Mend == "" {
				t.Errorf("%+v", e)
			}
			switch all := w.audited(); {
			case c.noted == "" && len(all) > 0:
				t.Errorf("%+v", all)
			case c.noted != "" && (len(all) != 1 || all[0].What != audit.Refused || !strings.Contains(all[0].Reason, c.noted) || all[0].Address.String() != b.from):
				t.Errorf("%+v", all)
			}
			if b.state().SignedIn {
				t.Error("in all the same")
			}
			if log := w.log.String(); strings.Contains(log, code) {
				t.Error("the code is in the log: " + log)
			}
		})
	}
}

// TestProviderBegins: where a browser is sent, and when it is not.
func TestProviderBegins(t *testing.T) {
	w := newProvided(t)
	b := w.browser()
	first := w.away(b)
	b.back(first)
	b.back(first) // what comes again changes nothing
	w.as("dora")
	b.ask("POST", "/auth/oidc/finish", nil, 200, nil)
	if e := w.audited()[0]; !strings.Contains(e.Reason, "used before") {
		t.Errorf("%+v", e)
	}
	for range 40 { // answers that belong to nobody fill no log
		w.browser().back(url.Values{"state": {"x"}, "code": {"y"}})
	}
	if n := len(w.audited()); n > 30 {
		t.Errorf("%d lines", n)
	}
	cross := b.request("POST", "/auth/oidc/begin", nil)
	cross.Header.Set("Sec-Fetch-Site", "cross-site")
	image := httptest.NewRequest("GET", site+ReturnPath, nil)
	image.Header.Set("Sec-Fetch-Mode", "no-cors")
	for _, r := range []*http.Request{cross, image, httptest.NewRequest("POST", site+ReturnPath, nil), httptest.NewRequest("HEAD", site+ReturnPath, nil)} {
		if rec := b.send(r); rec.Code != 403 {
			t.Errorf("%s %s: %d", r.Method, r.URL, rec.Code)
		}
	}
	for range mostOfNetwork + 1 {
		w.away(w.browser())
	}
	if n := len(w.waiting.all); n > mostOfNetwork {
		t.Errorf("%d of one network are under way", n)
	}
	w.o.Names, w.names["127.0.0.1"] = []string{"127.0.0.1"}, true
	elsewhere := b.request("POST", "/auth/oidc/begin", nil)
	elsewhere.Host = "127.0.0.1:8444"
	if rec := b.send(elsewhere); rec.Code != 421 || !strings.Contains(rec.Body.String(), "open "+site) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	var e api.Error
	w.provider.CloseClientConnections()
	w.provider.Close()
	none := newWorld(t, func(o *Options) {
		o.People.Provider = oidc.New(oidc.Options{Issuer: w.provider.URL, Base: site, Log: slog.New(slog.DiscardHandler)})
	})
	if none.browser().ask("POST", "/auth/oidc/begin", nil, 503, &e); e.Code != "provider-away" || e.Mend == "" {
		t.Errorf("%+v", e)
	}
	if newWorld(t).browser().ask("POST", "/auth/oidc/begin", nil, 409, &e); e.Code != "no-provider" || e.Mend == "" {
		t.Errorf("%+v", e)
	}
}

// FuzzReturn: whatever a browser brings back, it goes on to the dashboard's own page, and nobody is
// signed in by it.
func FuzzReturn(f *testing.F) {
	f.Add("state=x&code=y", "__Host-culvert-away=")
	f.Add("code=y", "__Host-culvert-away="+newToken().String())
	f.Add("state=&error=https://evil.example&error_description=%0d%0aLocation:%20x", "a=b")
	f.Add(";&%zz=%", "")
	w := newProvided(f, func(o *Options) { o.Note, o.Log = nil, slog.New(slog.DiscardHandler) })
	f.Fuzz(func(t *testing.T, query, cookie string) {
		b := w.browser()
		b.t = t
		b.ask("POST", "/auth/oidc/begin", nil, 200, nil)
		r := b.request("GET", ReturnPath, nil)
		r.URL.RawQuery = query
		r.Header.Add("Cookie", cookie)
		if rec := b.send(r); rec.Code != 303 || rec.Header().Get("Location") != "/#oidc" {
			t.Errorf("%d %v", rec.Code, rec.Header())
		}
		b.ask("POST", "/auth/oidc/finish", nil, 401, nil)
		if b.state().SignedIn {
			t.Error("signed in")
		}
	})
}
