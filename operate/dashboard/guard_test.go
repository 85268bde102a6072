package dashboard

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"culvert/config"
	"culvert/operate/manage/api"
	"culvert/operate/web"
)

// netOf is the network of a number.
func netOf(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
}

// TestCrossSite: what another site has a browser ask is refused, whatever it asks.
func TestCrossSite(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice", "correct horse")
	for name, c := range map[string]struct {
		method, path, body string
		header             http.Header
		status             int
	}{
		"own":                {"POST", "/v1/reload", "{}", http.Header{}, 200},
		"without a body":     {"POST", "/v1/reload", "", http.Header{}, 200},
		"cross-site":         {"POST", "/v1/reload", "{}", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"same-site":          {"POST", "/v1/reload", "{}", http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"read by a page":     {"GET", "/v1/process", "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"origin":             {"POST", "/v1/reload", "{}", http.Header{"Sec-Fetch-Site": {""}, "Origin": {"https://evil.example"}}, 403},
		"no origin":          {"POST", "/v1/reload", "{}", http.Header{"Sec-Fetch-Site": {""}, "Origin": {"null"}}, 403},
		"own origin":         {"POST", "/v1/reload", "{}", http.Header{"Sec-Fetch-Site": {""}, "Origin": {site}}, 200},
		"a form":             {"POST", "/v1/reload", "a=b", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		"a form of text":     {"POST", "/v1/reload", "{}", http.Header{"Content-Type": {"text/plain"}}, 415},
		"signs in elsewhere": {"POST", "/auth/password", "{}", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"signs out":          {"POST", "/auth/out", "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"a page":             {"GET", "/", "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		r := b.request(c.method, c.path, body)
		for key, values := range c.header {
			r.Header[key] = values
			if values[0] == "" {
				r.Header.Del(key)
			}
		}
		if rec := b.send(r); rec.Code != c.status {
			t.Errorf("%s: %d %s, expected %d", name, rec.Code, rec.Body, c.status)
		}
	}
	if !b.state().SignedIn {
		t.Error("another site signed somebody out")
	}
}

// TestHost: a name that was made to lead here leads nowhere.
func TestHost(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Names = []string{"127.0.0.1", "localhost"} })
	for host, status := range map[string]int{
		"vpn.example.org:8444": 200, "VPN.example.org.": 200, "vpn.example.org": 200, "127.0.0.1:8444": 200, "localhost": 200,
		"evil.example": 421, "evil.example:8444": 421, "": 421, "vpn.example.org.evil.example": 421, "[::1]:8444": 421,
	} {
		for _, path := range []string{"/", "/auth/state"} {
			r := w.browser().request("GET", path, nil)
			r.Host = host
			if rec := w.browser().send(r); rec.Code != status {
				t.Errorf("%s of %q: %d", path, host, rec.Code)
			}
		}
	}
}

// TestHeaders: nobody frames any answer, and no page runs anything but the dashboard's files.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("alice", "correct horse")
	for _, path := range []string{"/", "/js/app.js", "/none", "/auth/state", "/auth/none", "/v1/process"} {
		h := b.send(b.request("GET", path, nil)).Header()
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: %s: %s", path, want, h.Get("Content-Security-Policy"))
			}
		}
		for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": ""} {
			if h.Get(name) != want {
				t.Errorf("%s: %s: %q", path, name, h.Get(name))
			}
		}
		if want := "no-store"; strings.HasPrefix(path, "/auth") || strings.HasPrefix(path, "/v1") || path == "/none" {
			if h.Get("Cache-Control") != want {
				t.Errorf("%s: %s", path, h.Get("Cache-Control"))
			}
		}
	}
}

// TestFiles: pages come compressed where a browser takes that, and once.
func TestFiles(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	get := func(path string, header ...string) (int, http.Header, string) {
		r := b.request("GET", path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		rec := b.send(r)
		return rec.Code, rec.Header(), rec.Body.String()
	}
	status, h, plain := get("/js/app.js")
	if status != 200 || h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("Content-Encoding") != "" || plain != string(pageFiles()["js/app.js"].Data) {
		t.Error(status, h)
	}
	status, h, packed := get("/js/app.js", "Accept-Encoding", "br, gzip")
	in, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(in); err != nil || status != 200 || h.Get("Content-Encoding") != "gzip" || string(text) != plain || len(packed) >= len(plain) {
		t.Error(status, h, err)
	}
	if _, h, _ := get("/js/app.js", "Accept-Encoding", "gzip;q=0"); h.Get("Content-Encoding") != "" {
		t.Error("compressed for a browser that does not take it")
	}
	if status, _, body := get("/js/app.js", "If-None-Match", h.Get("ETag")); status != 304 || body != "" {
		t.Error(status, body)
	}
	if _, _, index := get("/"); index != string(pageFiles()["index.html"].Data) {
		t.Error(index)
	}
	for _, path := range []string{"/none", "/js", "/js/", "/../index.html", "/js/../index.html", "//index.html"} {
		if status, _, _ := get(path); status != 404 {
			t.Error(path, status)
		}
	}
	b.ask("POST", "/", "{}", 405, nil)
	if _, err := New(Options{URL: w.o.URL, Pages: pageFilesWithout("index.html")}); err == nil || !strings.Contains(err.Error(), "index.html") {
		t.Error(err)
	}
}

func pageFilesWithout(name string) fstest.MapFS {
	m := pageFiles()
	delete(m, name)
	return m
}

// TestPaths: below /auth/ there is nothing but what there is.
func TestPaths(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for _, c := range [][2]string{{"GET", "/auth/"}, {"GET", "/auth/password"}, {"PUT", "/auth/password"}, {"POST", "/auth/state"}, {"GET", "/auth/../v1/process"}} {
		rec := b.send(b.request(c[0], c[1], nil))
		var e api.Error
		if rec.Code != 404 || json.Unmarshal(rec.Body.Bytes(), &e) != nil || e.Code == "" {
			t.Error(c, rec.Code, rec.Body)
		}
	}
	for _, c := range [][2]string{{"GET", "/auth/passkeys"}, {"DELETE", "/auth/passkeys/a"}, {"POST", "/auth/passkeys/begin"}, {"POST", "/auth/passkeys/finish"}} {
		b.ask(c[0], c[1], nil, 401, nil)
	}
}

// TestGuessedFromHere: from the address of one who guesses passwords, nobody else is let in for a while; who
// is signed in goes on.
func TestGuessedFromHere(t *testing.T) {
	w := newWorld(t)
	s, err := web.Open(web.Options{Web: config.Web{Listen: netip.MustParseAddrPort("127.0.0.1:0"), URL: site}, Log: slog.New(slog.DiscardHandler), Own: w.Dashboard, What: "the dashboard"})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.Close()
	alice, stranger := w.browser(), w.browser()
	alice.ask("POST", "/auth/password", map[string]string{"name": "alice", "password": "correct horse"}, 200, nil)
	client := &http.Client{Transport: new(http.Transport)}
	defer client.CloseIdleConnections()
	ask := func(b *browser, method, path string, body any) (int, string) {
		t.Helper()
		r := b.request(method, path, body)
		r.RequestURI, r.URL.Scheme, r.URL.Host, r.Host = "", "http", s.Addr().String(), r.URL.Host
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	status, text := 0, ""
	for n := 0; n < 100 && status != http.StatusTooManyRequests; n++ {
		status, text = ask(stranger, "POST", "/auth/link", map[string]string{"token": "x"})
	}
	if status != http.StatusTooManyRequests || !strings.Contains(text, `"code":"too-many"`) {
		t.Errorf("one who guesses: %d %s", status, text)
	}
	if status, text := ask(stranger, "POST", "/auth/password", map[string]string{"name": "alice", "password": "correct horse"}); status != http.StatusTooManyRequests {
		t.Errorf("a sign-in from there: %d %s", status, text)
	}
	if status, text := ask(alice, "GET", "/v1/status", nil); status != 200 {
		t.Errorf("who is signed in: %d %s", status, text)
	}
}
