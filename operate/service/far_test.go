package service

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/access/audit"
	"culvert/access/pki"
	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/manage"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
	"culvert/operate/manage/tokens"
	"culvert/operate/people"
	"culvert/store/memory"
)

// farServer is a server whose API is served at an address of loopback.
type farServer struct {
	roles
	address string
	ca      []byte
	back    *backendtest.Fake

	mu    sync.Mutex
	notes []audit.Entry
}

func newFarServer(t *testing.T) *farServer {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	authority, err := pki.NewAuthority(rand.Reader, time.Now(), pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.IssueServer(rand.Reader, time.Now(), "api", 0, "localhost", "127.0.0.1")
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "key"), pair.KeyPEM, 0o600), os.WriteFile(filepath.Join(dir, "cert"), pair.CertPEM, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	f := &farServer{back: backendtest.New(), ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate().Raw})}
	f.roles = roles{log: log, Options: Options{Dir: dir}, people: &people.Host{Store: memory.New()}, local: newLocal(dir, "", nil, log)}
	f.back.State.Role = "server"
	c := &config.Config{Mode: config.ModeServer}
	recordsOf(f.roles, c, func() *config.Config { return c })
	kept := recent.Keep(f.back)
	t.Cleanup(kept.Close)
	manage.Add(f.local.api, f.back, kept)
	c.Server.API = config.Web{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	s, err := openFar(c, f.roles, func(e audit.Entry) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.notes = append(f.notes, e)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	s.server().Start()
	f.address = s.server().Addr().String()
	return f
}

func (f *farServer) token(t *testing.T, name string, scope api.Scope) string {
	t.Helper()
	_, secret, err := tokens.Add(t.Context(), f.people, time.Now(), name, scope, time.Time{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (f *farServer) client(t *testing.T, token string) *manage.Client {
	t.Helper()
	c, err := manage.DialFar(manage.Far{URL: "https://" + f.address, Token: token, CA: f.ca})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFar: the Go client asks over TLS what it asks on the socket, as its token's name and
// within its scope; streams end with who reads them, and at once with the token.
func TestFar(t *testing.T) {
	f := newFarServer(t)
	reads := f.client(t, f.token(t, "reader", api.Read))
	if p, err := reads.Process(t.Context()); err != nil || p.Me != (api.Caller{Name: "reader", Scope: api.Read, Via: tokens.Via}) {
		t.Errorf("%+v, %v", p.Me, err)
	}
	if err := reads.Restart(t.Context()); err == nil || !strings.Contains(err.Error(), "operate") {
		t.Errorf("it steers: %v", err)
	}
	steers := f.client(t, f.token(t, "steerer", api.Operate))
	if err := steers.Restart(t.Context()); err != nil {
		t.Error(err)
	}
	got, ended := make(chan backend.Event, 1), make(chan error, 1)
	go func() {
		ended <- reads.Follow(t.Context(), func(backend.Status) error {
			f.back.Happen(backend.Event{Kind: backend.Up, Name: "anna"})
			return nil
		}, func(e backend.Event) error { got <- e; return nil })
	}()
	if e := <-got; e.Name != "anna" {
		t.Errorf("%+v", e)
	}
	if err := tokens.Remove(t.Context(), f.people, "reader"); err != nil {
		t.Error(err)
	}
	<-ended
	if _, err := reads.Status(t.Context()); err == nil || !strings.Contains(err.Error(), "culvert token add") {
		t.Errorf("its token is gone: %v", err)
	}
	if _, err := (f.client(t, "x")).Status(t.Context()); err == nil {
		t.Error("what is no token is taken")
	}
	strange, err := manage.DialFar(manage.Far{URL: "https://" + f.address, Token: "x"})
	if err == nil {
		_, err = strange.Status(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), "ca.crt") {
		t.Errorf("a certificate of nobody: %v", err)
	}
	for _, at := range []string{"http://" + f.address, f.address, "https://", "https://a/b", "https://u:p@a"} {
		if _, err := manage.DialFar(manage.Far{URL: at, Token: "x"}); err == nil {
			t.Errorf("%s is taken", at)
		}
	}
}

// TestGuessing: whoever guesses tokens is told to wait, and each guess is noted.
func TestGuessing(t *testing.T) {
	f := newFarServer(t)
	good := f.token(t, "good", api.Read)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(f.ca)
	h := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer h.CloseIdleConnections()
	ask := func(token string) int {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+f.address+manage.StatusPath, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := h.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode
	}
	for range 100 { // what is asked for in vain by who is known is no guess
		if status := ask(good); status != 200 {
			t.Fatal(status)
		}
	}
	counts := map[int]int{}
	for i := range 100 {
		counts[ask(good[:20]+fmt.Sprintf("%04d", i)+good[24:])]++
	}
	if counts[429] < 50 || counts[401] < 10 || counts[401]+counts[429] != 100 {
		t.Errorf("answers: %v", counts)
	}
	if status := ask(good); status != 200 {
		t.Errorf("a good token from the address of one who guesses: %d", status)
	}
	var refused *api.Error
	if _, err := f.client(t, "x").Status(t.Context()); !errors.As(err, &refused) || refused.Code != api.TooMany.Code {
		t.Errorf("one who guesses is told: %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.notes) != counts[401] {
		t.Errorf("%d notes of %d guesses", len(f.notes), counts[401])
	}
}

// TestFarBounds: headers that do not end are not read on, and do not keep others out.
func TestFarBounds(t *testing.T) {
	f := newFarServer(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(f.ca)
	c, err := tls.Dial("tcp", f.address, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /v1/status HTTP/1.1\r\nHost: x\r\n")
	go func() {
		for {
			if _, err := c.Write([]byte("X-Y: " + strings.Repeat("z", 1000) + "\r\n")); err != nil {
				return
			}
		}
	}()
	text, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(text), "HTTP/1.1 431 ") {
		t.Errorf("%.200q", text)
	}
	if _, err := f.client(t, f.token(t, "reader", api.Read)).Status(t.Context()); err != nil {
		t.Error(err)
	}
	var d net.Dialer
	if plain, err := d.DialContext(t.Context(), "tcp", f.address); err == nil {
		fmt.Fprintf(plain, "GET /v1/status HTTP/1.0\r\n\r\n")
		text, _ := io.ReadAll(plain)
		plain.Close()
		if strings.Contains(string(text), "200 OK") {
			t.Errorf("without TLS: %.100q", text)
		}
	}
}

// TestFarLargeBody: who sends too much reads why it was refused.
func TestFarLargeBody(t *testing.T) {
	f := newFarServer(t)
	steers := f.client(t, f.token(t, "steerer", api.Operate))
	for range 5 {
		_, err := steers.PushUpdate(t.Context(), backend.Update{All: true, Options: []string{strings.Repeat("x", 16<<20)}})
		if e := new(api.Error); !errors.As(err, &e) || e.Code != api.TooLarge.Code {
			t.Fatal(err)
		}
	}
}

// TestChanges: the audit log says who asked for which change and what came of it, once, and
// nothing of what was sent.
func TestChanges(t *testing.T) {
	f := newFarServer(t)
	var mu sync.Mutex
	var notes []audit.Entry
	f.local.noted(func(e audit.Entry) {
		mu.Lock()
		defer mu.Unlock()
		notes = append(notes, e)
	})
	reads, boss := f.client(t, f.token(t, "reader", api.Read)), f.client(t, f.token(t, "boss", api.Administer))
	if reads.Restart(t.Context()) == nil || boss.Restart(t.Context()) != nil {
		t.Error("a restart")
	}
	if err := boss.SendAway(t.Context(), 7, "HALT,hunter2"); err != nil {
		t.Error(err)
	}
	user := map[string]string{"name": "alice", "password": "hunter2 and more"}
	for range 2 { // the second time she is there
		if answer, err := boss.Do(t.Context(), http.MethodPost, "/v1/users", user); err == nil {
			answer.Close()
		}
	}
	mu.Lock()
	defer mu.Unlock()
	got := ""
	for _, e := range notes {
		got += fmt.Sprintf("%s %s: %s: %s\n", e.What, e.By, e.Command, e.Reason)
	}
	const want = `changed reader (token): POST /v1/restart: refused: 403 Forbidden
changed boss (token): POST /v1/restart: done
changed boss (token): DELETE /v1/sessions/7: done
changed boss (token): POST /v1/users: refused: 409 Conflict
`
	if got != want {
		t.Errorf("noted:\n%s\nwant:\n%s", got, want)
	}
}
