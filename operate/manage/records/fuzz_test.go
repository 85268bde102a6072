package records

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/audit"
	"culvert/config"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
	"culvert/operate/orders"
	"culvert/store/memory"
)

// withBody is an operation that is asked with a body.
type withBody struct {
	method, path string
	registrar    bool // it needs one, and fails where that cannot work
}

// allWithBody are those of an API's document.
func allWithBody(t testing.TB, a *api.API) (all []withBody) {
	text, err := a.Document()
	var doc struct {
		Paths map[string]map[string]struct {
			Body      any            `json:"requestBody"`
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	if err == nil {
		err = json.Unmarshal(text, &doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.Body != nil {
				all = append(all, withBody{strings.ToUpper(method), strings.NewReplacer("{name}", "a", "{common_name}", "phone.a").Replace(path), op.Responses["503"] != nil})
			}
		}
	}
	return all
}

// FuzzBodies: no body has an operation of the store panic, or fail but for its contents.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"name":"a","limits":{"up":"5M"},"groups":["x"]}`, `{"name":"a","password":"four words in a row"}`, `{"add":["a"],"require":"certificate"}`,
		`{"questions":["can a reach b?"],"text":"x"}`, `{"user":"a","name":"phone","ipv4":"auto","link":"24h"}`, `{"revoke_old":true}`, `{"name":"phone.a"}`,
		`{"password":null}`, `{"step":"begin"}`, `{"step":"confirm","code":"123456"}`, `{"disabled":true,"expires":null}`, `{"expires":"2026-03-01T12:00:00Z"}`,
	} {
		f.Add(body)
	}
	s, quiet := memory.New(), slog.New(slog.DiscardHandler)
	a := api.New(api.Options{})
	Add(a, Options{Store: s, Config: func() *config.Config { return new(config.Config) }, Asker: orders.NewAsker(s), Now: time.Now})
	dir := filepath.Join(f.TempDir(), "none") // so that nothing is made for the registrar
	r := &registrar.Registrar{Dir: dir, Store: s, Log: quiet, Now: time.Now, Audit: audit.In(dir)}
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&orders.Desk{Store: s, Log: quiet, Kinds: r.Kinds()}).Run(ctx)
	}()
	f.Cleanup(func() { end(); <-ended })
	all := allWithBody(f, a)
	if len(all) < 10 {
		f.Fatalf("%d operations with a body", len(all))
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, op := range all {
			w := httptest.NewRecorder()
			ctx := api.As(t.Context(), api.Caller{Name: "a", Scope: api.Administer})
			a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, op.method, op.path, strings.NewReader(body)))
			if w.Code >= 500 && !op.registrar || strings.Contains(w.Body.String(), "fault of the program") {
				t.Errorf("%v %q: %d %s", op, body, w.Code, w.Body)
			}
		}
	})
}
