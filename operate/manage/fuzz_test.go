package manage

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
)

// FuzzPosition: an id of an event is what it is written as, or refused.
func FuzzPosition(f *testing.F) {
	for _, id := range []string{"0123456789abcdef-7", "0123456789abcdef-", "-7", "", "0123456789abcdef-18446744073709551616", "0123456789ABCDEF-1", "0123456789abcdef-+1", "0123456789abcdef-007"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		p, err := parsePosition(id)
		if err != nil {
			return
		}
		if again, err := parsePosition(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, then %v, %v", id, p, again, err)
		}
	})
}

// FuzzBodies: no body has an operation of a back end panic, or fail.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{`{"all":true,"options":["-route"]}`, `{"names":["a"],"peer_ids":[7,16777216],"options":[]}`, `{"remote":"1"}`, `{"remote":""}`, `[]`, `{`, `null`} {
		f.Add(body)
	}
	a, b := api.New(api.Options{}), backendtest.New()
	b.Update = func(u backend.Update) (backend.Updated, error) { return backend.Updated{}, u.Check() }
	kept := recent.Keep(b)
	f.Cleanup(kept.Close)
	Add(a, b, kept)
	var all [][2]string
	for _, op := range a.Ops() {
		if slices.ContainsFunc(op.Kinds(), func(k api.Kind) bool { return k.Code == api.WrongType.Code }) { // which those with a body have
			all = append(all, [2]string{op.Method, op.Path})
		}
	}
	if len(all) < 2 {
		f.Fatalf("%v are the operations with a body", all)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, op := range all {
			w := httptest.NewRecorder()
			ctx := api.As(t.Context(), api.Caller{Name: "a", Scope: api.Administer})
			a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, op[0], op[1], strings.NewReader(body)))
			if w.Code >= 500 {
				t.Errorf("%v %q: %d %s", op, body, w.Code, w.Body)
			}
		}
	})
}
