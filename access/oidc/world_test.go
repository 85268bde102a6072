package oidc

import (
	"context"
	"crypto/x509"
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

	"culvert/access/auth"
	"culvert/access/oidc/oidctest"
)

// world is a server's pages, and its provider.
type world struct {
	*testing.T
	fake   *oidctest.Provider
	web    *httptest.Server
	source *Source
	mu     sync.Mutex
	said   []string // of the audit log
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	w := &world{T: t, fake: oidctest.New(t)}
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
