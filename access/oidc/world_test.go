package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"culvert/access/auth"
)

// fake is a provider that says what a test wants.
type fake struct {
	*httptest.Server
	mu     sync.Mutex
	key    crypto.Signer
	kid    string
	shown  []jose.JSONWebKey // by the keys' endpoint
	asked  map[string]int    // how often each path was
	codes  map[string]url.Values
	claims func(map[string]any)                          // changes those of an id token
	token  func(claims map[string]any) string            // makes an id token; nil: signed by key
	info   map[string]any                                // the user info
	before func(w http.ResponseWriter, path string) bool // answers in the provider's place
	extra  string                                        // in the answer by the browser
}

func newFake(t *testing.T) *fake {
	f := &fake{asked: map[string]int{}, codes: map[string]url.Values{}}
	f.rotate(t, "one")
	f.Server = httptest.NewTLSServer(http.HandlerFunc(f.answer))
	t.Cleanup(f.Close)
	return f
}

// rotate has the provider sign by another key, which it alone shows.
func (f *fake) rotate(t *testing.T, kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key, f.kid, f.shown = key, kid, []jose.JSONWebKey{{Key: key.Public(), KeyID: kid, Algorithm: "ES256", Use: "sig"}}
}

func (f *fake) answer(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[r.URL.Path]++
	if f.before != nil && f.before(w, r.URL.Path) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		json.NewEncoder(w).Encode(map[string]any{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/auth", "token_endpoint": f.URL + "/token", "jwks_uri": f.URL + "/keys", "userinfo_endpoint": f.URL + "/info",
			"id_token_signing_alg_values_supported": []string{"ES256", "RS256", "HS256", "none"},
		})
	case "/keys":
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: f.shown})
	case "/auth":
		code := secret()
		f.codes[code] = r.URL.Query()
		http.Redirect(w, r, r.URL.Query().Get("redirect_uri")+"?code="+code+"&state="+r.URL.Query().Get("state")+f.extra, http.StatusFound)
	case "/token":
		f.giveToken(w, r)
	case "/info":
		json.NewEncoder(w).Encode(f.info)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// giveToken redeems a code, once, as a provider has to.
func (f *fake) giveToken(w http.ResponseWriter, r *http.Request) {
	code := r.PostFormValue("code")
	asked, ok := f.codes[code]
	delete(f.codes, code)
	id, word, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || id != "culvert" || word != "word" || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) || asked.Get("code_challenge_method") != "S256" {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"error":"invalid_grant","error_description":"no such code"}`)
		return
	}
	now := time.Now().Unix()
	c := map[string]any{"iss": f.URL, "aud": "culvert", "sub": "1", "iat": now, "exp": now + 300, "nonce": asked.Get("nonce"), "preferred_username": "alice", "name": "Alice A."}
	if f.claims != nil {
		f.claims(c)
	}
	token := f.sign(c)
	if f.token != nil {
		token = f.token(c)
	}
	json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": token})
}

func (f *fake) sign(claims map[string]any) string {
	return signed(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: f.key, KeyID: f.kid}}, claims)
}

func signed(key jose.SigningKey, claims map[string]any) string {
	s, err := jose.NewSigner(key, nil)
	if err != nil {
		panic(err)
	}
	text, _ := json.Marshal(claims)
	sig, err := s.Sign(text)
	if err != nil {
		panic(err)
	}
	out, err := sig.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return out
}

// world is a server's pages, and its provider.
type world struct {
	*testing.T
	*fake
	web    *httptest.Server
	source *Source
	mu     sync.Mutex
	said   []string // of the audit log
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	w := &world{T: t, fake: newFake(t)}
	roots := x509.NewCertPool()
	roots.AddCert(w.fake.Certificate())
	var pages http.Handler
	w.web = httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) { pages.ServeHTTP(out, r) }))
	t.Cleanup(w.web.Close)
	o := Options{
		Issuer: w.fake.URL, ClientID: "culvert", ClientSecret: "word", Scopes: []string{"openid", "profile"}, UserClaim: "preferred_username", Base: w.web.URL + "/", Roots: roots,
		Known: func(name string) bool { return name == "alice" || name == "bob" }, Log: slog.New(slog.DiscardHandler),
		Refused: func(r Refusal) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.said = append(w.said, r.Reason)
		},
	}
	for _, f := range change {
		f(&o)
	}
	w.source = New(o)
	pages = w.source.Handler()
	return w
}

// ends is how a client's wait ends.
type ends struct {
	err    error
	person auth.Person
}

// wait has a client of a user wait, whom no more than that user is taken for.
func (w *world) wait(user string) (page string, end chan ends) {
	w.Helper()
	return w.waitFor(w.Context(), user, netip.MustParsePrefix("192.0.2.0/24"))
}

func (w *world) waitFor(ctx context.Context, user string, source netip.Prefix) (page string, end chan ends) {
	w.Helper()
	r := &auth.Request{CommonName: "phone." + user, Remote: netip.MustParseAddrPort("192.0.2.7:1194"), Source: source}
	page, wait, err := w.source.Begin(ctx, auth.Login{Username: user, Request: r})
	if err != nil {
		w.Fatal(err)
	}
	end = make(chan ends, 1)
	go func() {
		var got ends
		got.err = wait(ctx, func(p auth.Person) string {
			if got.person = p; p.Name != user {
				return "this profile is that of another user"
			}
			return ""
		})
		end <- got
	}()
	return page, end
}

// browser is somebody's.
type browser struct {
	*testing.T
	*http.Client
}

func (w *world) browser() *browser {
	jar, _ := cookiejar.New(nil)
	roots := x509.NewCertPool()
	roots.AddCert(w.fake.Certificate())
	roots.AddCert(w.web.Certificate())
	return &browser{w.T, &http.Client{Jar: jar, Transport: newClientTransport(roots)}}
}

func newClientTransport(roots *x509.CertPool) http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig.RootCAs = roots
	return t
}

func (b *browser) read(r *http.Response, err error) (int, string) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	return r.StatusCode, html.UnescapeString(string(text))
}

func (b *browser) open(page string) (int, string) {
	b.Helper()
	return b.read(b.Get(page))
}

var formField = regexp.MustCompile(`name="form" value="([^"]+)"`)

// signIn opens a page, and goes on from there.
func (b *browser) signIn(page string) (int, string) {
	b.Helper()
	status, text := b.open(page)
	form := formField.FindStringSubmatch(text)
	if form == nil {
		return status, text
	}
	return b.read(b.PostForm(page, url.Values{"form": {form[1]}}))
}

// halfWay opens a page, goes on to the provider, and returns where it sends the browser
// back to.
func (b *browser) halfWay(page string) (callback string) {
	b.Helper()
	follow := b.CheckRedirect
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.Path, callbackPath) {
			callback = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	defer func() { b.CheckRedirect = follow }()
	if status, text := b.signIn(page); callback == "" {
		b.Fatalf("not sent back by the provider: %d %s", status, text)
	}
	return callback
}

// rsaSigned is a token signed by an RSA key that nobody shows.
func rsaSigned(claims map[string]any) string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return signed(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, claims)
}

var discard = slog.New(slog.DiscardHandler)

// ask asks for a page as a browser with a cookie does, and returns the status.
func ask(h http.Handler, path, query, cookie string) int {
	r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{"Cookie": {cookieName + "=" + cookie}}, RemoteAddr: "192.0.2.1:1"}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func (w *world) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(w.fake.Certificate())
	return roots
}
