package dashboard

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/access/audit"
	"culvert/operate/manage/api"
)

// tokenOf is what a page finds in a link.
func tokenOf(t testing.TB, link string) map[string]string {
	t.Helper()
	at, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := strings.CutPrefix(at.Fragment, "link=")
	if !ok || at.Path != "/" || at.RawQuery != "" {
		t.Fatal(link)
	}
	return map[string]string{"token": text}
}

func (w *world) link(user string) map[string]string {
	w.t.Helper()
	link, err := MakeLink(w.t.Context(), w.store, w.now(), w.o.URL, user, "root")
	if err != nil {
		w.t.Fatal(err)
	}
	return tokenOf(w.t, link)
}

// TestLink signs in once: whoever has all rights on the server, or a user of it.
func TestLink(t *testing.T) {
	w := newWorld(t)
	all, alices, berts := w.link(""), w.link("alice"), w.link("bert")
	kept, err := w.store.List(t.Context(), linkPrefix)
	if err != nil || len(kept.Entries) != 3 {
		t.Fatal(kept, err)
	}
	for _, e := range kept.Entries {
		if strings.Contains(e.Key+string(e.Value), all["token"]) {
			t.Error("the store has a link's token")
		}
	}
	b := w.browser()
	var a Answer
	if b.ask("POST", "/auth/link", all, 200, &a); !a.SignedIn || a.Scope != api.Administer || a.Name != "root (link)" || a.User != "" || a.By != "link" || !a.OfferSecond {
		t.Errorf("%+v", a)
	}
	var e api.Error
	if w.browser().ask("POST", "/auth/link", all, 401, &e); e.Code != "gone-link" {
		t.Errorf("used twice: %+v", e)
	}
	if b.ask("POST", "/auth/link", alices, 200, &a); a.Name != "alice" || a.User != "alice" || a.Scope != api.Administer {
		t.Errorf("%+v", a)
	}
	if w.browser().ask("POST", "/auth/link", berts, 403, &e); e.Code != "not-admitted" {
		t.Errorf("%+v", e)
	}
	late := w.link("")
	w.wait(LinkTime)
	w.browser().ask("POST", "/auth/link", late, 401, nil)
	for _, text := range []string{"", "a", strings.Repeat("A", 43), strings.Repeat("é", 43), late["token"] + "=", strings.Repeat("a", maxBody/2)} {
		w.browser().ask("POST", "/auth/link", map[string]string{"token": text}, 401, nil)
	}
	log := w.audited()
	if last := log[len(log)-1]; last.What != audit.Refused || !last.Login {
		t.Errorf("%+v", last)
	}
	if strings.Contains(w.log.String(), all["token"]) {
		t.Error("a link's token is in the log")
	}
}

// TestLinkOnce: of many that use a link at once, one is in.
func TestLinkOnce(t *testing.T) {
	w := newWorld(t)
	text := w.link("")["token"]
	var working sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 20 {
		working.Go(func() {
			if _, err := takeLink(context.Background(), w.store, w.now(), text); err == nil {
				mu.Lock()
				in++
				mu.Unlock()
			}
		})
	}
	if working.Wait(); in != 1 {
		t.Error(in, "are in")
	}
}

// TestLinksSwept: a link that nobody used goes when the next one is made after its end.
func TestLinksSwept(t *testing.T) {
	w := newWorld(t)
	w.link("")
	w.wait(LinkTime)
	w.link("")
	if kept, err := w.store.List(t.Context(), linkPrefix); err != nil || len(kept.Entries) != 1 {
		t.Error(kept, err)
	}
}

// TestLocal: a process's dashboard on loopback leads whoever has the link to its socket, and
// nobody else.
func TestLocal(t *testing.T) {
	if _, err := OpenLocal(LocalOptions{Listen: "0.0.0.0:0"}); err == nil || !strings.Contains(err.Error(), "this machine alone") {
		t.Error(err)
	}
	seen := make(chan http.Header, 8)
	socket := &http.Transport{DisableKeepAlives: true}
	process := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header
		io.WriteString(w, r.Host+" "+r.URL.Path)
	})}
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	socket.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
	}
	go process.Serve(l)
	board, err := OpenLocal(LocalOptions{Listen: "127.0.0.1:0", Socket: socket, Name: "server-tun0", By: "root", Pages: pageFiles(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- board.Run(ctx) }()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: time.Minute}
	base := "http://" + board.listener.Addr().String()
	get := func(path string) (int, string) {
		r, err := c.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(text)
	}
	if status, text := get("/auth/state"); status != 200 || !strings.Contains(text, `"ways":[]`) {
		t.Error(status, text)
	}
	if status, _ := get("/v1/process"); status != 401 {
		t.Error(status)
	}
	r, err := c.Post(base+"/auth/link", "application/json", strings.NewReader(`{"token":"`+tokenOf(t, board.Link)["token"]+`"}`))
	if err != nil || r.StatusCode != 200 {
		t.Fatal(err, r)
	}
	r.Body.Close()
	if k := r.Header.Get("Set-Cookie"); !strings.Contains(k, "HttpOnly") || !strings.Contains(k, "SameSite=Strict") || strings.Contains(k, "Secure") {
		t.Error(k)
	}
	if status, text := get("/v1/process"); status != 200 || text != "culvert /v1/process" {
		t.Error(status, text)
	}
	if h := <-seen; h.Get("Cookie") != "" {
		t.Error("the process is told the cookie")
	}
	r, err = c.Post(base+"/auth/passkeys/begin", "application/json", nil)
	if err != nil || r.StatusCode != 409 {
		t.Error(err, r)
	}
	r.Body.Close()
	process.Close()
	if status, text := get("/v1/process"); status != 502 || !strings.Contains(text, "process-gone") {
		t.Error(status, text)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
	c.CloseIdleConnections()
}
