package handover

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"culvert/store"
	"culvert/store/memory"
)

var now = time.Now()

func offered(t *testing.T) (store.Store, string) {
	t.Helper()
	s := memory.New()
	token, err := Make(context.Background(), s, now, "phone.alice", []byte("client\n<key>secret</key>\n"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

// TestOnce: of many that fetch at once, one gets the profile, and nobody after it.
func TestOnce(t *testing.T) {
	s, token := offered(t)
	var got atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, profile, err := Fetch(context.Background(), s, now, token)
			switch {
			case err == nil && strings.Contains(string(profile), "secret"):
				got.Add(1)
			case !errors.Is(err, ErrGone):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got.Load() != 1 {
		t.Errorf("%d got the profile", got.Load())
	}
}

// TestStoreAlone: the store has neither the profile nor what the link has.
func TestStoreAlone(t *testing.T) {
	s, token := offered(t)
	all, err := s.List(context.Background(), "")
	if err != nil || len(all.Entries) != 1 {
		t.Fatal(err, all)
	}
	if e := all.Entries[0]; strings.Contains(string(e.Value)+e.Key, "secret") || strings.Contains(string(e.Value)+e.Key, token) {
		t.Errorf("%s: %s", e.Key, e.Value)
	}
}

func TestEnds(t *testing.T) {
	s, token := offered(t)
	ctx, late := context.Background(), now.Add(time.Hour)
	if _, err := Look(ctx, s, late, token); !errors.Is(err, ErrGone) {
		t.Errorf("after its end: %v", err)
	}
	for _, wrong := range []string{"", "x", token + "a", strings.Repeat("a", len(token)), "../" + token} {
		if _, _, err := Fetch(ctx, s, now, wrong); !errors.Is(err, ErrGone) {
			t.Errorf("token %q: %v", wrong, err)
		}
	}
	if err := Sweep(ctx, s, late.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := Look(ctx, s, now, token); err != nil {
		t.Errorf("swept too early: %v", err)
	}
	if err := Sweep(ctx, s, late); err != nil {
		t.Fatal(err)
	}
	if all, _ := s.List(ctx, ""); len(all.Entries) > 0 {
		t.Error("not swept")
	}
	if _, err := Make(ctx, s, now, "x", nil, time.Second); err == nil {
		t.Error("a link for a second")
	}
}

// TestPages: looking takes nothing away, and neither does a program that looks at links;
// the import gets the profile, once.
func TestPages(t *testing.T) {
	s, token := offered(t)
	base, _ := url.Parse("https://vpn.example.org:8443")
	var fetched []string
	h := Handler(Options{Store: s, Base: base, Log: slog.New(slog.DiscardHandler), Fetched: func(name, address string) { fetched = append(fetched, name+" "+address) }})
	ask := func(method, path string) (int, string, http.Header) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		body, _ := io.ReadAll(w.Result().Body)
		return w.Code, string(body), w.Header()
	}
	for range 2 {
		if code, body, _ := ask("GET", PagePath+token); code != 200 || !strings.Contains(body, "phone.alice") ||
			!strings.Contains(body, `href="openvpn://import-profile/https://vpn.example.org:8443/import/`+token+`"`) {
			t.Errorf("%d %s", code, body)
		}
	}
	if code, body, _ := ask("HEAD", ImportPath+token); code != 200 || body != "" {
		t.Errorf("HEAD: %d %q", code, body)
	}
	for _, agent := range []string{"Mozilla/5.0 (compatible; Googlebot/2.1)", "WhatsApp/2.23", "TelegramBot (like TwitterBot)", "Slackbot-LinkExpanding 1.0", "facebookexternalhit/1.1"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", ImportPath+token, nil)
		r.Header.Set("User-Agent", agent)
		if h.ServeHTTP(w, r); w.Code != 200 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", agent, w.Code, w.Body)
		}
	}
	code, body, header := ask("GET", ImportPath+token)
	if code != 200 || !strings.Contains(body, "secret") || header.Get("Content-Type") != "application/x-openvpn-profile" ||
		header.Get("Content-Disposition") != `attachment; filename="phone.alice.ovpn"` {
		t.Errorf("%d %q %v", code, body, header)
	}
	if len(fetched) != 1 || !strings.HasPrefix(fetched[0], "phone.alice 192.0.2.1:") {
		t.Error("fetched by", fetched)
	}
	for _, again := range []struct{ method, path string }{{"GET", ImportPath}, {"GET", PagePath}, {"POST", PagePath}, {"HEAD", ImportPath}} {
		if code, body, _ := ask(again.method, again.path+token); code != 404 || strings.Contains(body, "secret") {
			t.Errorf("%v again: %d %q", again, code, body)
		}
	}
}

// TestBrokenStore says nothing of what is wrong to strangers.
func TestBrokenStore(t *testing.T) {
	s, token := offered(t)
	s.Close()
	base, _ := url.Parse("https://vpn.example.org")
	w := httptest.NewRecorder()
	Handler(Options{Store: s, Base: base, Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, httptest.NewRequest("GET", PagePath+token, nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "closed") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// full is a store on a disk without room.
type full struct{ store.Store }

func (full) Commit(context.Context, store.Txn) (store.Revision, error) {
	return 0, errors.New("no space left on device")
}

// TestFullDisk: where it cannot be noted that a link was used, nobody gets the profile, and
// the link works when there is room again. Strangers do not hear of it.
func TestFullDisk(t *testing.T) {
	s, token := offered(t)
	base, _ := url.Parse("https://vpn.example.org")
	ask := func(s store.Store) (int, string) {
		w := httptest.NewRecorder()
		Handler(Options{Store: s, Base: base, Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, httptest.NewRequest("GET", ImportPath+token, nil))
		return w.Code, w.Body.String()
	}
	if code, body := ask(full{s}); code != 500 || strings.Contains(body, "secret") || strings.Contains(body, "space") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := ask(s); code != 200 || !strings.Contains(body, "secret") {
		t.Errorf("%d %s", code, body)
	}
	if _, err := Make(context.Background(), full{s}, now, "phone.alice", nil, time.Hour); err == nil {
		t.Error("a link to nothing")
	}
}

// TestOtherServer: the link of one server is nothing to another; a record that was changed
// gives nothing away.
func TestOtherServer(t *testing.T) {
	s, token := offered(t)
	other, foreign := offered(t)
	ctx := context.Background()
	if _, _, err := Fetch(ctx, other, now, token); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	id, _, err := lockOf(token)
	foreignID, _, err2 := lockOf(foreign)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	e, err := other.Get(ctx, foreignID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(ctx, store.Txn{Put: []store.Put{{Key: id, Value: e.Value}}}); err != nil {
		t.Fatal(err)
	}
	if _, profile, err := Fetch(ctx, s, now, token); err == nil || profile != nil || !strings.Contains(err.Error(), "damaged") {
		t.Error(string(profile), err)
	}
}

// FuzzToken: no token that was made up leads to anything, or panics.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{"", "x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"} {
		f.Add(seed)
	}
	s := memory.New()
	defer s.Close()
	f.Fuzz(func(t *testing.T, token string) {
		if _, _, err := Fetch(t.Context(), s, now, token); !errors.Is(err, ErrGone) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
