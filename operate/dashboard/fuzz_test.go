package dashboard

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzToken: a cookie or a link's token is what this program wrote, or nothing.
func FuzzToken(f *testing.F) {
	f.Add(newToken().String())
	f.Add("")
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("A", 42) + "B")
	f.Add("link=" + strings.Repeat("_", 43))
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := parseToken(text); ok && got.String() != text {
			t.Errorf("%q is taken for %q", text, got)
		}
	})
}

// FuzzCookie: whatever a browser sends as cookies, nobody is signed in by it who was not.
func FuzzCookie(f *testing.F) {
	f.Add("__Host-culvert=" + newToken().String())
	f.Add(`__Host-culvert="a"; __Host-culvert-step=;;=`)
	s := newSessions(nil)
	c := cookiesOf(&url.URL{Scheme: "https", Host: "vpn.example.org"})
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodGet, site, nil)
		r.Header.Set("Cookie", text)
		c.step(r)
		if s.get(c.session(r), time.Now()) != nil {
			t.Error(text)
		}
	})
}

// FuzzBodies: no body of whoever is not signed in signs in, or is a fault of this side.
func FuzzBodies(f *testing.F) {
	paths := []string{"/auth/password", "/auth/code", "/auth/link", "/auth/passkey/begin", "/auth/passkey/finish", "/auth/passkeys/finish", "/auth/out"}
	for i, body := range []string{`{"name":"alice","password":"x"}`, `{"code":"000000"}`, `{"token":"` + strings.Repeat("A", 43) + `"}`, `{}`, `{"credential":{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AA"}}}`, `{"name":"a","credential":{}}`, ``} {
		f.Add(uint8(i), body)
	}
	w := newWorld(f, func(o *Options) { o.Note, o.Log = nil, slog.New(slog.DiscardHandler) })
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		b := w.browser()
		b.t = t
		path := paths[int(which)%len(paths)]
		if path == "/auth/code" || path == "/auth/passkey/finish" { // in the middle of a sign-in by passkey
			b.send(b.request("POST", "/auth/passkey/begin", nil))
		}
		rec := b.send(b.request("POST", path, body))
		if rec.Code >= 500 || rec.Code == 200 && path != "/auth/passkey/begin" || b.state().SignedIn {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	})
}

// FuzzCredential: what a browser sends of a passkey is a passkey's proof, or refused, also of
// one that is enrolled.
func FuzzCredential(f *testing.F) {
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}`)
	f.Add(`null`)
	w := newWorld(f, func(o *Options) { o.Note, o.Log = nil, slog.New(slog.DiscardHandler) })
	b := w.browser()
	b.ask("POST", "/auth/link", w.link(""), 200, nil)
	f.Fuzz(func(t *testing.T, credential string) {
		b.t = t
		b.ask("POST", "/auth/passkeys/begin", nil, 200, nil)
		if rec := b.send(b.request("POST", "/auth/passkeys/finish", `{"name":"a","credential":`+credential+`}`)); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("%s: %d %s", credential, rec.Code, rec.Body)
		}
	})
}
