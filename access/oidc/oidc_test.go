package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"culvert/access/auth"
	"culvert/access/oidc/oidctest"
)

// TestSignIn: the page names who waits, and the person who signs in comes to them.
func TestSignIn(t *testing.T) {
	w := newWorld(t)
	page, end := w.wait("alice")
	b := w.browser()
	_, text := b.open(page)
	for _, want := range []string{"phone.alice", "192.0.2.7", "Go on only if you have just started"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	status, text := b.signIn(page)
	if status != http.StatusOK || !strings.Contains(text, "You are signed in as alice") {
		t.Errorf("%d %s", status, text)
	}
	if got := <-end; got.err != nil || got.person.Name != "alice" || got.person.Subject != "1" || got.person.FullName != "Alice A." {
		t.Errorf("%+v", got)
	}
	if status, text = b.open(page); status != http.StatusNotFound || !strings.Contains(text, "used before") {
		t.Errorf("the page after it: %d %s", status, text)
	}
}

// TestCookie: the browser keeps it from scripts, from other hosts and from clear text.
func TestCookie(t *testing.T) {
	w := newWorld(t)
	page, _ := w.wait("alice")
	r, err := w.browser().Get(page)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	c := r.Cookies()
	if len(c) != 1 || c[0].Name != "__Host-culvert-signin" || !c[0].HttpOnly || !c[0].Secure || c[0].SameSite != http.SameSiteLaxMode || c[0].Path != "/" || c[0].Domain != "" {
		t.Errorf("%+v", c)
	}
	if h := r.Header; !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%v", h)
	}
}

// TestBadTokens: whatever a provider, or somebody in its place, says that is not for this
// sign-in is refused, in the browser and to the client that waits.
func TestBadTokens(t *testing.T) {
	now := time.Now().Unix()
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	hmacOf := func(key string) func(map[string]any) string {
		return func(c map[string]any) string {
			return oidctest.Signed(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat(key, 32))}, c)
		}
	}
	for name, c := range map[string]struct {
		claims func(map[string]any)
		token  func(map[string]any) string
		extra  string
		want   string // "": it is taken
	}{
		"as it should be":               {},
		"another audience":              {claims: set("aud", "another"), want: "audience"},
		"two audiences":                 {claims: set("aud", []string{"culvert", "another"}), want: "azp"},
		"made for another":              {claims: set("azp", "another"), want: "azp"},
		"another issuer":                {claims: set("iss", "https://evil.example"), want: "different provider"},
		"another issuer in the answer":  {extra: "&iss=https://evil.example", want: "another provider"},
		"the nonce of another":          {claims: set("nonce", "x"), want: "another sign-in"},
		"no nonce":                      {claims: func(c map[string]any) { delete(c, "nonce") }, want: "another sign-in"},
		"expired":                       {claims: set("exp", now-120), want: "expired"},
		"expired within the skew":       {claims: set("exp", now-20)},
		"of the future":                 {claims: set("iat", now+120), want: "set the clocks"},
		"of the future within the skew": {claims: set("iat", now+20)},
		"no expiry":                     {claims: func(c map[string]any) { delete(c, "exp") }, want: "expired"},
		"nobody":                        {claims: set("sub", ""), want: "sub"},
		"no name":                       {claims: set("preferred_username", ""), want: "names nobody"},
		"a name that cannot be one":     {claims: set("preferred_username", "../alice"), want: "expected 1 to 64 letters"},
		"somebody unknown":              {claims: set("preferred_username", "mallory"), want: "not known here"},
		"alg none": {token: func(c map[string]any) string {
			text, _ := json.Marshal(c)
			return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(text) + "."
		}, want: "malformed jwt"},
		"signed by the secret":  {token: hmacOf("a"), want: "malformed jwt"},
		"signed by another key": {token: oidctest.RSASigned, want: "failed to verify signature"},
		"not a token":           {token: func(map[string]any) string { return "x" }, want: "malformed jwt"},
		"no token":              {token: func(map[string]any) string { return "" }, want: "malformed jwt"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fake.Claims, w.fake.Token, w.fake.Extra, w.fake.Info = c.claims, c.token, c.extra, map[string]any{"sub": "1"}
			page, end := w.wait("alice")
			status, text := w.browser().signIn(page)
			got := <-end
			var no *auth.RefusedError
			switch {
			case c.want == "":
				if got.err != nil || status != http.StatusOK {
					t.Errorf("%v; %d %s", got.err, status, text)
				}
			case !errors.As(got.err, &no) || !strings.Contains(no.Reason, c.want) || no.Told == "":
				t.Errorf("the client: %v, want %q", got.err, c.want)
			case status != http.StatusForbidden || !strings.Contains(text, "Not signed in"):
				t.Errorf("the browser: %d %s", status, text)
			}
		})
	}
}

// TestAnother: somebody else who signs in at the page of a user is refused, and reads why.
func TestAnother(t *testing.T) {
	w := newWorld(t)
	w.fake.Claims = func(c map[string]any) { c["preferred_username"] = "bob" }
	page, end := w.wait("alice")
	status, text := w.browser().signIn(page)
	if got := <-end; got.person.Name != "bob" || status != http.StatusForbidden || !strings.Contains(text, "You are bob at the provider. This profile is that of another user.") {
		t.Errorf("%+v %d %s", got, status, text)
	}
}

// TestAnswersOfOthers: an answer is good once, in the browser that was sent for it, for the
// client that it was begun for.
func TestAnswersOfOthers(t *testing.T) {
	w := newWorld(t)
	page, end := w.wait("alice")
	b := w.browser()

	stolen := b.halfWay(page)
	other := w.browser()
	other.open(page) // it has a cookie of its own
	if status, text := other.open(stolen); status != http.StatusForbidden || !strings.Contains(text, "another browser") {
		t.Errorf("in another browser: %d %s", status, text)
	}
	if status, text := b.open(stolen); status != http.StatusNotFound || !strings.Contains(text, "used before") {
		t.Errorf("after that: %d %s", status, text)
	}

	older := b.halfWay(page)
	newer := b.halfWay(page)
	if status, _ := b.open(older); status != http.StatusNotFound {
		t.Errorf("an answer for which another was begun: %d", status)
	}
	if status, text := b.open(newer); status != http.StatusOK {
		t.Errorf("%d %s", status, text)
	}
	if got := <-end; got.err != nil {
		t.Error(got.err)
	}
	if status, _ := b.open(newer); status != http.StatusNotFound {
		t.Errorf("replayed: %d", status)
	}

	// An answer for one client with the state of another: the code has another nonce and
	// another challenge.
	first, _ := w.wait("alice")
	second, end := w.wait("alice")
	a, c := b.halfWay(first), b.halfWay(second)
	swapped, _ := url.Parse(c)
	q := swapped.Query()
	from, _ := url.Parse(a)
	q.Set("code", from.Query().Get("code"))
	swapped.RawQuery = q.Encode()
	if status, _ := b.open(swapped.String()); status != http.StatusForbidden {
		t.Errorf("the code of another sign-in: %d", status)
	}
	if got := <-end; got.err == nil || !strings.Contains(got.err.Error(), "invalid_grant") {
		t.Errorf("the code of another sign-in: %v", got.err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.said) != 4 {
		t.Errorf("the audit log has %q", w.said)
	}
}

// TestLate: nobody comes in for a client that is gone, whatever its page does.
func TestLate(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	page, end := w.waitFor(ctx, "alice", netip.Prefix{})
	b := w.browser()
	callback := b.halfWay(page)
	_, text := b.open(page)
	cancel()
	if got := <-end; !errors.Is(got.err, context.Canceled) {
		t.Error(got.err)
	}
	if status, text := b.open(callback); status != http.StatusNotFound || !strings.Contains(text, "too late") {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := b.read(b.PostForm(page, url.Values{"form": {formField.FindStringSubmatch(text)[1]}})); status != http.StatusNotFound {
		t.Errorf("%d", status)
	}
	if s := w.source.waiting; len(s.logins)+len(s.attempts)+len(s.sources) != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

// TestForms: another site, or another browser, cannot send a browser past the page.
func TestForms(t *testing.T) {
	w := newWorld(t)
	page, _ := w.wait("alice")
	other, _ := w.wait("alice")
	b := w.browser()
	for name, form := range map[string]func() url.Values{
		"none": func() url.Values { return nil },
		"of another page": func() url.Values {
			_, text := b.open(other)
			return url.Values{"form": {formField.FindStringSubmatch(text)[1]}}
		},
		"of another browser": func() url.Values {
			_, text := w.browser().open(page)
			return url.Values{"form": {formField.FindStringSubmatch(text)[1]}}
		},
	} {
		if status, text := b.read(b.PostForm(page, form())); status != http.StatusForbidden || !strings.Contains(text, "Open the page first") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

// TestDenied: a provider that signs nobody in leaves the page open for another try.
func TestDenied(t *testing.T) {
	w := newWorld(t)
	page, end := w.wait("alice")
	b := w.browser()
	at, _ := url.Parse(b.halfWay(page))
	q := at.Query()
	q.Del("code")
	q.Set("error", "access_denied")
	q.Set("error_description", "<script>no</script>")
	at.RawQuery = q.Encode()
	r, err := b.Get(at.String())
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 8192)
	n, _ := r.Body.Read(raw)
	r.Body.Close()
	if r.StatusCode != http.StatusForbidden || !strings.Contains(string(raw[:n]), "access_denied: &lt;script&gt;") {
		t.Errorf("%d %s", r.StatusCode, raw[:n])
	}
	if status, text := b.signIn(page); status != http.StatusOK {
		t.Errorf("another try: %d %s", status, text)
	}
	if got := <-end; got.err != nil {
		t.Error(got.err)
	}
}

// TestBounds: one network cannot take the place of all, nor one page ask without end.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	crowd := netip.MustParsePrefix("198.51.100.0/24")
	var all []chan ends
	for range maxOfSource {
		_, end := w.waitFor(ctx, "alice", crowd)
		all = append(all, end)
	}
	begin := func(source netip.Prefix) error {
		_, wait, err := w.source.Begin(ctx, auth.Login{Request: &auth.Request{Source: source}})
		if err == nil {
			go wait(ctx, nil)
		}
		return err
	}
	if err := begin(crowd); err != errCrowded {
		t.Errorf("one more of that network: %v", err)
	}
	if err := begin(netip.Prefix{}); err != nil {
		t.Errorf("one of another: %v", err)
	}
	cancel()
	for _, end := range all {
		<-end
	}
	ctx = t.Context()
	if err := begin(crowd); err != nil {
		t.Errorf("after they are gone: %v", err)
	}
	page, _ := w.wait("alice")
	b := w.browser()
	for range maxAttempts {
		b.halfWay(page)
	}
	if status, text := b.signIn(page); status != http.StatusConflict || !strings.Contains(text, "too often") {
		t.Errorf("%d %s", status, text)
	}
}
