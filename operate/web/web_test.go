package web

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/session"
)

// site is a server at work, with a certificate of an authority of its own, and who asks it.
type site struct {
	*Server
	authority *pki.Authority
	dir       string
	client    *http.Client
}

func (s *site) issue(t *testing.T, name string) {
	t.Helper()
	pair, err := s.authority.IssueServer(rand.Reader, time.Now(), name, 0, "localhost", "127.0.0.1")
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(s.dir, "key"), pair.KeyPEM, 0o600), os.WriteFile(filepath.Join(s.dir, "cert"), pair.CertPEM, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, mount func(*Server), change ...func(*Options)) *site {
	t.Helper()
	authority, err := pki.NewAuthority(rand.Reader, time.Now(), pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{authority: authority, dir: t.TempDir()}
	s.issue(t, "first")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().(*net.TCPAddr).AddrPort()
	listener.Close()
	o := Options{Web: config.Web{Listen: at, URL: "https://localhost"}, Cert: filepath.Join(s.dir, "cert"), Key: filepath.Join(s.dir, "key"), Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&o)
	}
	s.Server, err = Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if mount != nil {
		mount(s.Server)
	}
	s.Start()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(authority.Certificate())
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

func (s *site) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	r, err := s.client.Get("https://" + s.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

// TestAnswers: pages that were mounted, with headers that protect them; nothing for others.
func TestAnswers(t *testing.T) {
	s := open(t, func(s *Server) {
		s.Handle("/signin/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "sign in") }))
		s.Handle("/fault", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("fault") }))
		s.Handle("POST /body", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
		}))
	})
	r, body := s.get(t, "/signin/start")
	if r.StatusCode != 200 || body != "sign in" || r.ProtoMajor != 1 {
		t.Error(r.Status, body, r.Proto)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Server": ""} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := r.Header.Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors 'none'") || !strings.Contains(got, "default-src 'none'") {
		t.Error(got)
	}
	for _, path := range []string{"/", "/.env", "/admin/config.php"} {
		if r, body := s.get(t, path); r.StatusCode != 404 || body != "" {
			t.Error(path, r.Status, body)
		}
	}
	if _, err := s.client.Get("https://" + s.Addr().String() + "/fault"); err == nil {
		t.Error("a page with a fault was answered")
	}
	post, err := s.client.Post("https://"+s.Addr().String()+"/body", "text/plain", strings.NewReader(strings.Repeat("a", maxBody+1)))
	if err != nil || post.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error("a body of any size is read", err, post)
	}
	post.Body.Close()
}

// TestGuesses: whoever asks for what is not there again and again has to wait.
func TestGuesses(t *testing.T) {
	s := open(t, nil)
	began, missed := time.Now(), 0
	for n := range 300 {
		switch r, _ := s.get(t, fmt.Sprint("/get/", n)); {
		case r.StatusCode == 404:
			missed++
		case r.StatusCode != 429 || r.Header.Get("Retry-After") == "" || n < missesAtOnce:
			t.Fatal(n, r.Status)
		}
	}
	if most := missesAtOnce + 1 + int(time.Since(began)/missEvery); missed > most {
		t.Errorf("%d guesses were answered, expected at most %d", missed, most)
	}
}

func TestMisses(t *testing.T) {
	m, now := newMisses(), time.Now()
	one, other := session.Source(netip.MustParseAddr("2001:db8::1")), session.Source(netip.MustParseAddr("::ffff:192.0.2.1"))
	if other.String() != "192.0.2.1/32" || one.Bits() != 56 {
		t.Error(one, other)
	}
	for range missesAtOnce {
		if m.wait(one, now) > 0 {
			t.Fatal("too early")
		}
		m.add(one, now)
	}
	if m.wait(session.Source(netip.MustParseAddr("2001:db8:0:1::2")), now) != missEvery || m.wait(other, now) > 0 {
		t.Error("the wrong one has to wait")
	}
	if m.wait(one, now.Add(missEvery)) > 0 {
		t.Error("no way back")
	}
	m.add(one, now.Add(-time.Hour))
	if m.wait(one, now.Add(-time.Hour)) > 0 {
		t.Error("a clock that was set back has somebody wait for an hour")
	}
	for n := range 3 * sourcesOfMiss {
		m.add(session.Source(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})), now)
	}
	if len(m.spent) > sourcesOfMiss {
		t.Error(len(m.spent), "sources are kept")
	}
}

// TestCrowd: one source has no more than its share of connections, and gets another one when
// it gives one back.
func TestCrowd(t *testing.T) {
	s := open(t, nil)
	dial := func() net.Conn {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	var all []net.Conn
	for range mostOfOne {
		all = append(all, dial())
	}
	more := dial()
	more.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := more.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("one more is let in", err)
	}
	all[0].Close()
	for range 1000 { // until the server has seen it
		c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("nobody is let in any more")
}

// TestOldTLS is not spoken.
func TestOldTLS(t *testing.T) {
	s := open(t, nil)
	if c, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestRenewed: the certificate is another one as soon as both files are; what cannot be used
// changes nothing.
func TestRenewed(t *testing.T) {
	s := open(t, nil)
	first, err := os.ReadFile(filepath.Join(s.dir, "cert"))
	if err != nil {
		t.Fatal(err)
	}
	s.issue(t, "second")
	second, err := os.ReadFile(filepath.Join(s.dir, "cert"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := readIdentity(filepath.Join(s.dir, "cert"), filepath.Join(s.dir, "key"), s.log)
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		c, err := id.show(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	for _, text := range [][]byte{first, nil, []byte("no certificate"), second[:len(second)/2]} {
		if err := os.WriteFile(filepath.Join(s.dir, "cert"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			id.look()
		}
		if got := name(); got != "second" {
			t.Errorf("%s is shown", got)
		}
	}
	os.Remove(filepath.Join(s.dir, "cert"))
	id.look()
	s.issue(t, "third")
	id.look()
	if got := name(); got != "third" {
		t.Errorf("%s is shown", got)
	}
}

// TestFaults: what is wrong is said, with what to do.
func TestFaults(t *testing.T) {
	s := open(t, nil)
	at := s.Addr().(*net.TCPAddr).AddrPort()
	o := Options{Web: config.Web{Listen: at, URL: "https://localhost"}, Cert: filepath.Join(s.dir, "cert"), Key: filepath.Join(s.dir, "key"), Log: slog.New(slog.DiscardHandler)}
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "another program has this port") {
		t.Error(err)
	}
	o.Key = o.Cert
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "expected PEM files") {
		t.Error(err)
	}
	o.Cert = filepath.Join(s.dir, "none")
	if _, err := Open(o); err == nil || !strings.Contains(err.Error(), "the certificate of web pages") {
		t.Error(err)
	}
	var none *Server
	none.Close()
}

// TestOwn: a handler of its own has HTTP/2, sets its headers itself, and says whom it knows:
// what they ask for in vain is no guess.
func TestOwn(t *testing.T) {
	reached := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/known":
			Known(w)
			w.WriteHeader(http.StatusNotFound)
		case "/stream":
			http.NewResponseController(w).Flush()
			<-reached
			io.WriteString(w, "end")
		default:
			if Limited(w) {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			w.WriteHeader(http.StatusNotFound)
		}
	})
	s := open(t, nil, func(o *Options) { o.Own = h })
	s.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	stream, err := s.client.Get("https://" + s.Addr().String() + "/stream")
	if err != nil || stream.ProtoMajor != 2 || stream.Header.Get("Content-Security-Policy") != "" {
		t.Fatal(err, stream)
	}
	defer stream.Body.Close()
	for range 2 * missesAtOnce {
		if r, _ := s.get(t, "/known"); r.StatusCode != 404 {
			t.Fatal(r.Status)
		}
	}
	close(reached) // on the same connection, while others were answered
	if text, err := io.ReadAll(stream.Body); err != nil || string(text) != "end" {
		t.Error(string(text), err)
	}
	last := 0
	for range 2 * missesAtOnce {
		r, _ := s.get(t, "/unknown")
		last = r.StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Error("guesses are answered:", last)
	}
	if r, _ := s.get(t, "/known"); r.StatusCode != 404 {
		t.Error("who is known has to wait:", r.Status)
	}
	Known(httptest.NewRecorder()) // means nothing
	if Limited(httptest.NewRecorder()) {
		t.Error("a writer of another package is limited")
	}
}

// TestPlain: on loopback there may be no certificate, and a proxy that says who asks: only
// what it adds itself counts.
func TestPlain(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.RemoteAddr) })
	s := open(t, nil, func(o *Options) { o.Own, o.Cert, o.Key, o.Proxied = h, "", "", true })
	for said, want := range map[string]string{
		"198.51.100.7":           "198.51.100.7:0",
		"1.1.1.1, 198.51.100.7":  "198.51.100.7:0",
		"2001:db8::1":            "[2001:db8::1]:0",
		"::ffff:192.0.2.1":       "192.0.2.1:0",
		"fe80::1%eth0":           "[fe80::1]:0",
		"198.51.100.7, nonsense": "127.0.0.1:",
		"":                       "127.0.0.1:",
	} {
		r, err := http.NewRequest("GET", "http://"+s.Addr().String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", said)
		answer, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%q: %s, want %s", said, text, want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "192.0.2.9:1"
	r.Header.Set("X-Forwarded-For", "198.51.100.7")
	if got := forwarded(r); got != "192.0.2.9:1" {
		t.Error("another host says who asks:", got)
	}
}

// FuzzForwarded: what a header says is an address, or the connection's own counts.
func FuzzForwarded(f *testing.F) {
	f.Add("198.51.100.7, 2001:db8::1")
	f.Add(",%,")
	f.Fuzz(func(t *testing.T, said string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("X-Forwarded-For", said)
		if _, err := netip.ParseAddrPort(forwarded(r)); err != nil {
			t.Error(said, err)
		}
	})
}
