package tokens

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/audit"
	"culvert/operate/manage/api"
	"culvert/store"
	"culvert/store/memory"
)

// desk is a door with an API of one operation, and what it noted.
type desk struct {
	*Door
	store store.Store
	notes []audit.Entry
}

func newDesk(t *testing.T) *desk {
	a := api.New(api.Options{})
	api.Add(a, api.Op{Method: http.MethodGet, Path: "/v1/me", Group: "me", Scope: api.Read, Summary: "Who asks"},
		func(ctx context.Context, _ *api.None) (*api.Caller, error) {
			c, _ := api.CallerOf(ctx)
			return &c, nil
		})
	api.Stream(a, api.Op{Method: http.MethodGet, Path: "/v1/wait", Group: "me", Scope: api.Read, Summary: "Waits"}, map[string]any{},
		func(ctx context.Context, _ *api.None, s *api.Sender) error {
			s.Begin()
			<-ctx.Done()
			return nil
		})
	d := &desk{store: memory.New()}
	AddOperations(a, Records{Store: d.store, Now: time.Now})
	d.Door = NewDoor(Options{API: a.Handler(), Store: d.store, Note: func(e audit.Entry) { d.notes = append(d.notes, e) }, Log: slog.New(slog.DiscardHandler), Now: time.Now})
	return d
}

func (d *desk) token(t *testing.T, name string, scope api.Scope, expires time.Time) string {
	t.Helper()
	_, secret, err := Add(t.Context(), d.store, time.Now(), name, scope, expires, "test")
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (d *desk) ask(method, path, token, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:1234"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}

// TestDoor: who shows a token asks with its name and scope; nobody else gets anything, pages
// of browsers nothing at all, and wrong tokens are noted without what they were.
func TestDoor(t *testing.T) {
	d := newDesk(t)
	reads, may := d.token(t, "reader", api.Read, time.Time{}), d.token(t, "boss", api.Administer, time.Now().Add(time.Hour))
	w := d.ask(http.MethodGet, "/v1/me", reads, "")
	var c api.Caller
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil || c != (api.Caller{Name: "reader", Scope: api.Read, Via: Via}) {
		t.Errorf("%s, %v", w.Body, err)
	}
	wrong := reads[:20] + "A" + reads[21:]
	if wrong == reads {
		wrong = reads[:20] + "B" + reads[21:]
	}
	for _, c := range []struct {
		what, method, path, token string
		headers                   []string
		status                    int
		code                      string
	}{
		{"nothing shown", http.MethodGet, "/v1/me", "", nil, 401, "sign-in"},
		{"a wrong token", http.MethodGet, "/v1/me", wrong, nil, 401, "sign-in"},
		{"another scheme", http.MethodGet, "/v1/me", "", []string{"Authorization", "Basic " + reads}, 401, "sign-in"},
		{"a small scope", http.MethodGet, Path, reads, nil, 403, "forbidden"},
		{"a page's script", http.MethodGet, "/v1/me", reads, []string{"Origin", "https://evil.example"}, 403, "cross-site"},
		{"a page's picture", http.MethodGet, "/v1/me", reads, []string{"Sec-Fetch-Site", "cross-site"}, 403, "cross-site"},
		{"before a page's request", http.MethodOptions, "/v1/me", "", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "DELETE"}, 403, "cross-site"},
		{"the query", http.MethodGet, "/v1/me?token=" + reads, "", nil, 401, "sign-in"},
	} {
		w := d.ask(c.method, c.path, c.token, "", c.headers...)
		var e api.Error
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.status || e.Code != c.code || e.Mend == "" {
			t.Errorf("%s: %d %s, %v", c.what, w.Code, w.Body, err)
		}
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: %s", c.what, name)
			}
		}
	}
	if len(d.notes) != 1 || d.notes[0].What != audit.Refused || !d.notes[0].Login || d.notes[0].Address.String() != "192.0.2.7:1234" {
		t.Errorf("noted: %+v", d.notes)
	}
	if text, _ := json.Marshal(d.notes); strings.Contains(string(text), wrong[8:30]) {
		t.Errorf("a note has the token: %s", text)
	}
	made := d.ask(http.MethodPost, Path, may, `{"name":"third","scope":"operate"}`, "Content-Type", "application/json")
	var m Made
	if err := json.Unmarshal(made.Body.Bytes(), &m); err != nil || m.By != "boss (token)" || d.ask(http.MethodGet, "/v1/me", m.Secret, "").Code != 200 {
		t.Errorf("%s, %v", made.Body, err)
	}
	if again := d.ask(http.MethodPost, Path, may, `{"name":"third","scope":"operate"}`, "Content-Type", "application/json"); again.Code != 409 {
		t.Errorf("%d %s", again.Code, again.Body)
	}
	if list := d.ask(http.MethodGet, Path, may, ""); list.Code != 200 || strings.Count(list.Body.String(), `"name"`) != 3 || strings.Contains(list.Body.String(), "culvert_") {
		t.Errorf("%s", list.Body)
	}
	if gone := d.ask(http.MethodDelete, Path+"/third", may, ""); gone.Code != 204 || d.ask(http.MethodGet, "/v1/me", m.Secret, "").Code != 401 || d.ask(http.MethodDelete, Path+"/third", may, "").Code != 404 {
		t.Errorf("%d %s", gone.Code, gone.Body)
	}
}

// TestEndOfToken: what is being read by a token ends when it ends, is removed, or another one
// takes its name; what is read by others goes on.
func TestEndOfToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx, end := context.WithCancel(t.Context())
		running := make(chan struct{})
		go func() { d.Run(ctx); close(running) }()
		synctest.Wait()
		read := func(token string) (ended func() bool) {
			done := make(chan struct{})
			r := httptest.NewRequest(http.MethodGet, "/v1/wait", nil).WithContext(ctx)
			r.Header.Set("Authorization", "Bearer "+token)
			go func() { d.ServeHTTP(httptest.NewRecorder(), r); close(done) }()
			synctest.Wait()
			return func() bool {
				synctest.Wait()
				select {
				case <-done:
					return true
				default:
					return false
				}
			}
		}
		brief := read(d.token(t, "brief", api.Read, time.Now().Add(time.Minute)))
		removed := read(d.token(t, "removed", api.Read, time.Time{}))
		stays := read(d.token(t, "stays", api.Read, time.Now().Add(time.Hour)))
		if brief() || removed() || stays() {
			t.Fatal("one ended at once")
		}
		if err := Remove(t.Context(), d.store, "removed"); err != nil || !removed() || brief() || stays() {
			t.Errorf("%v; removed: %v, others %v %v", err, removed(), brief(), stays())
		}
		time.Sleep(time.Minute)
		if !brief() || stays() {
			t.Errorf("after its end: %v, the other %v", brief(), stays())
		}
		end()
		<-running
		if !stays() {
			t.Error("who asked is gone, and is read to")
		}
		if len(d.asking) != 0 {
			t.Errorf("noted as asking: %v", d.asking)
		}
	})
}
