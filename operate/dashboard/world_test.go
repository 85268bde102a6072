package dashboard

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"culvert/access/audit"
	"culvert/access/auth"
	"culvert/access/password"
	"culvert/access/signin"
	"culvert/access/users"
	"culvert/operate/manage/api"
	"culvert/store"
	"culvert/store/memory"
)

// world is a dashboard of a server with people.
type world struct {
	t testing.TB
	*Dashboard
	store   store.Store
	book    *users.Book
	mu      sync.Mutex
	entries []audit.Entry
	late    time.Duration // how late it is
	asked   chan context.Context
	log     bytes.Buffer
}

const site = "https://vpn.example.org:8444"

var quick = password.Params{Memory: 64, Passes: 1, Threads: 1}

func hashOf(t testing.TB, text string) string {
	t.Helper()
	h, err := password.Hash(rand.Reader, text, quick)
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

func pageFiles() fstest.MapFS {
	return fstest.MapFS{
		"index.html":    {Data: []byte("<!doctype html><title>Culvert</title>")},
		"js/app.js":     {Data: []byte(strings.Repeat("export const a = 1;\n", 100))},
		"style/one.css": {Data: []byte("a{}")},
	}
}

var totpSecret = []byte("12345678901234567890")

func newWorld(t testing.TB, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, store: memory.New(), asked: make(chan context.Context, 16)}
	w.book = users.NewBook(w.store, time.Now)
	ctx := t.Context()
	add := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []string{"admins", "helpers", "guests"} {
		add(w.book.AddGroup(ctx, users.Group{Name: g}))
	}
	add(w.book.AddUser(ctx, users.User{Name: "alice", Password: hashOf(t, "correct horse"), Groups: []string{"admins", "helpers"}}))
	add(w.book.AddUser(ctx, users.User{Name: "bert", Password: hashOf(t, "bert's words"), Groups: []string{"guests"}}))
	add(w.book.AddUser(ctx, users.User{Name: "cleo", Password: hashOf(t, "battery staple"), Groups: []string{"helpers"}, TOTP: &users.TOTP{Secret: totpSecret, Confirmed: true}}))
	d, err := users.Open(ctx, w.store, func(err error) { t.Error(err) })
	add(err)
	at, err := url.Parse(site)
	add(err)
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	o := Options{
		API: http.HandlerFunc(w.api), Pages: pageFiles(), URL: at, Store: w.store, Log: log, Now: w.now, Note: w.note,
		People: &People{Directory: d, Admit: []Admit{{"helpers", api.Operate}, {"admins", api.Administer}},
			Checker: signin.New(signin.Options{Store: w.store, Records: w.book, Directory: d, Sources: []auth.Source{local{d}}, Issuer: "vpn", Log: log, Now: w.now})},
	}
	for _, f := range change {
		f(&o)
	}
	w.Dashboard, err = New(o)
	add(err)
	d.OnChange(func(*users.View) { w.Review() })
	ctx, end := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Follow(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() { w.Run(ctx) })
	t.Cleanup(func() {
		end()
		running.Wait()
	})
	return w
}

// local checks passwords as signin.Local does, and takes less time for those who are unknown.
type local struct{ d *users.Directory }

func (local) Name() string { return "local" }

func (l local) Check(_ context.Context, in auth.Login) (auth.Person, error) {
	u := l.d.View().User(in.Username)
	if u == nil || u.Password == "" {
		return auth.Person{}, auth.ErrUnknownUser
	}
	h, err := password.Parse(u.Password)
	if err != nil {
		return auth.Person{}, err
	}
	if !h.Matches(in.Password) {
		return auth.Person{}, auth.ErrWrongPassword
	}
	return auth.Person{Name: u.Name}, nil
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.late)
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.late += d
}

func (w *world) note(e audit.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
}

func (w *world) audited() []audit.Entry {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entries
}

// api stands for the API: it says who asks, and at /v1/events goes on until they may not.
func (w *world) api(rw http.ResponseWriter, r *http.Request) {
	c, _ := api.CallerOf(r.Context())
	if r.URL.Path == "/v1/events" {
		rw.WriteHeader(200)
		http.NewResponseController(rw).Flush()
		w.asked <- r.Context()
		<-r.Context().Done()
		return
	}
	json.NewEncoder(rw).Encode(c)
}

// browser has cookies of one dashboard.
type browser struct {
	t       testing.TB
	w       *world
	from    string
	cookies map[string]*http.Cookie
}

func (w *world) browser() *browser {
	return &browser{w.t, w, "198.51.100.7:4711", map[string]*http.Cookie{}}
}

// request is what a page of the dashboard asks.
func (b *browser) request(method, path string, body any) *http.Request {
	var in io.Reader
	if body != nil {
		text, raw := body.(string)
		if !raw {
			bytes, err := json.Marshal(body)
			if err != nil {
				b.t.Fatal(err)
			}
			text = string(bytes)
		}
		in = strings.NewReader(text)
	}
	r := httptest.NewRequest(method, site+path, in)
	r.RemoteAddr = b.from
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	return r
}

func (b *browser) send(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	b.w.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return rec
}

// ask sends a request, and decodes what is answered with a status.
func (b *browser) ask(method, path string, body any, status int, into any) {
	b.t.Helper()
	rec := b.send(b.request(method, path, body))
	if rec.Code != status {
		b.t.Fatalf("%s %s: %d %s, expected %d", method, path, rec.Code, rec.Body, status)
	}
	if into != nil {
		if err := json.Unmarshal(rec.Body.Bytes(), into); err != nil {
			b.t.Fatalf("%s %s: %v: %s", method, path, err, rec.Body)
		}
	}
}

type creds struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (b *browser) signIn(name, password string) Answer {
	b.t.Helper()
	var a Answer
	b.ask("POST", "/auth/password", creds{name, password}, 200, &a)
	return a
}

func (b *browser) state() (s State) {
	b.t.Helper()
	b.ask("GET", "/auth/state", nil, 200, &s)
	return s
}

// until waits for what another goroutine does.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for range 5000 {
		if f() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never: " + what)
}
