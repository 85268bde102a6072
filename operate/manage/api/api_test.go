package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type thing struct {
	Name  string `json:"name" doc:"its name"`
	Count int    `json:"count" doc:"how many"`
}

type setThing struct {
	Name string `path:"name" maxLength:"8"`
	Wait int    `query:"wait" minimum:"1"`
	Body struct {
		Count    int    `json:"count" minimum:"2"`
		Password string `json:"password,omitempty" maxLength:"3"`
		Note     string `json:"note,omitempty"`
	}
}

// things is an API with an operation of each kind.
func things(o Options) *API {
	a := New(o)
	Add(a, Op{Method: "GET", Path: "/v1/things", Group: "things", Scope: Read, Summary: "All"}, func(ctx context.Context, _ *None) (*thing, error) {
		c, _ := CallerOf(ctx)
		return &thing{Name: c.Name}, nil
	})
	Add(a, Op{Method: "PUT", Path: "/v1/things/{name}", Group: "things", Scope: Operate, Summary: "Set", Errors: []Kind{NotFound}, MaxBody: 4096},
		func(_ context.Context, in *setThing) (*thing, error) {
			switch in.Name {
			case "none":
				return nil, NotFound.Error("there is no thing none", "choose another")
			case "fails":
				return nil, errors.New("it is broken")
			case "panics":
				panic("a fault")
			}
			return &thing{in.Name, in.Body.Count}, nil
		})
	Add(a, Op{Method: "DELETE", Path: "/v1/things/{name}", Group: "things", Scope: Administer, Summary: "Remove"},
		func(context.Context, *struct {
			Name string `path:"name"`
		}) (*None, error) {
			return nil, nil
		})
	return a
}

func by(scope Scope) context.Context {
	return As(context.Background(), Caller{Name: "anna", Scope: scope, Via: "socket"})
}

func ask(a *API, ctx context.Context, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body)))
	return w
}

// problemOf is the error of an answer, which has to be one.
func problemOf(t *testing.T, w *httptest.ResponseRecorder) (e Error) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != problem {
		t.Errorf("an error of type %q: %s", got, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Status != w.Code {
		t.Errorf("%d: %v: %s", w.Code, err, w.Body)
	}
	return e
}

func TestAnswers(t *testing.T) {
	a := things(Options{})
	if w := ask(a, by(Read), "GET", "/v1/things", ""); w.Code != 200 || w.Body.String() != `{"name":"anna","count":0}`+"\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := ask(a, by(Operate), "PUT", "/v1/things/x?wait=4", `{"count":2}`); w.Code != 200 || w.Body.String() != `{"name":"x","count":2}`+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(a, by(Administer), "DELETE", "/v1/things/x", "{}"); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(a, by(Read), "GET", DocumentPath, ""); w.Code != 200 || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := strings.Join(a.Groups(), " "); got != "document things" {
		t.Error(got)
	}
}

// TestErrors: each has this package's form, the code of its kind, and names the fields.
func TestErrors(t *testing.T) {
	a := things(Options{})
	for _, c := range []struct {
		scope              Scope
		method, path, body string
		kind               Kind
		field, expected    string
	}{
		{"", "GET", "/v1/things", "", SignIn, "", ""},
		{Read, "PUT", "/v1/things/x", `{"count":2}`, Forbidden, "", ""},
		{Operate, "DELETE", "/v1/things/x", "", Forbidden, "", ""},
		{Operate, "PUT", "/v1/things/none", `{"count":2}`, NotFound, "", ""},
		{Operate, "PUT", "/v1/things/fails", `{"count":2}`, Failed, "", ""},
		{Operate, "PUT", "/v1/things/panics", `{"count":2}`, Failed, "", ""},
		{Operate, "PUT", "/v1/things/x", ``, BadRequest, "body", "an object of JSON"},
		{Operate, "PUT", "/v1/things/x", `{"count":2`, BadRequest, "body", "unexpected end of JSON"},
		{Operate, "PUT", "/v1/things/x", `{"count":2}x`, BadRequest, "body", "invalid character"},
		{Operate, "PUT", "/v1/things/x", `{}`, BadRequest, "count", "a value"},
		{Operate, "PUT", "/v1/things/x", `{"count":1}`, BadRequest, "count", "number >= 2"},
		{Operate, "PUT", "/v1/things/x", `{"count":"2"}`, BadRequest, "count", "a whole number"},
		{Operate, "PUT", "/v1/things/x", `{"count":2,"colour":1}`, BadRequest, "colour", "no field of this name"},
		{Operate, "PUT", "/v1/things/x", `{"Count":2}`, BadRequest, "Count", "no field of this name"},
		{Operate, "PUT", "/v1/things/x?wait=0", `{"count":2}`, BadRequest, "wait", "number >= 1"},
		{Operate, "PUT", "/v1/things/x?wait=a", `{"count":2}`, BadRequest, "wait", "a whole number"},
		{Operate, "PUT", "/v1/things/x?colour=1", `{"count":2}`, BadRequest, "colour", "no parameter of this name"},
		{Operate, "PUT", "/v1/things/much-too-long", `{"count":2}`, BadRequest, "name", "length <= 8"},
		{Operate, "PUT", "/v1/things/x", `{"count":2,"note":"` + strings.Repeat("x", 4096) + `"}`, TooLarge, "", ""},
		{Read, "GET", "/v1/nothing", "", NoSuchPath, "", ""},
		{Read, "GET", "//v1/things", "", NoSuchPath, "", ""},
		{Read, "POST", "/v1/things", "", WrongMethod, "", ""},
		{Read, "HEAD", "/v1/things", "", WrongMethod, "", ""},
	} {
		ctx := by(c.scope)
		if c.scope == "" {
			ctx = context.Background()
		}
		w := ask(a, ctx, c.method, c.path, c.body)
		e := problemOf(t, w)
		if e.Status != c.kind.Status || e.Code != c.kind.Code || e.Message == "" {
			t.Errorf("%s %.40s %.40s: %s, expected %s", c.method, c.path, c.body, w.Body, c.kind.Code)
		}
		if c.field != "" && !strings.Contains(w.Body.String(), `"field":"`+c.field+`"`) || len(e.Fields) > 0 && !strings.Contains(wordsOf(e), c.expected) {
			t.Errorf("%.40s %.40s: %+v, expected %s: %s", c.path, c.body, e.Fields, c.field, c.expected)
		}
	}
}

func wordsOf(e Error) (all string) {
	for _, f := range e.Fields {
		all += f.Expected + "\n"
	}
	return all
}

// TestErrorsKeepSecrets: what was sent as a password is not repeated, nor what is long.
func TestErrorsKeepSecrets(t *testing.T) {
	a := things(Options{})
	w := ask(a, by(Operate), "PUT", "/v1/things/x", `{"count":2,"password":"horse-battery"}`)
	if e := problemOf(t, w); e.Code != BadRequest.Code || strings.Contains(w.Body.String(), "horse") {
		t.Errorf("%s", w.Body)
	}
	w = ask(a, by(Operate), "PUT", "/v1/things/x", `{"password":"horse-battery",`)
	if e := problemOf(t, w); e.Code != BadRequest.Code || strings.Contains(w.Body.String(), "horse") {
		t.Errorf("%s", w.Body)
	}
	var many []string
	for i := range 200 {
		many = append(many, `"`+strings.Repeat("x", i+1)+`":1`)
	}
	w = ask(a, by(Operate), "PUT", "/v1/things/x", `{"count":2,`+strings.Join(many[:80], ",")+`}`)
	if e := problemOf(t, w); len(e.Fields) != maxFields || w.Body.Len() > 4096 {
		t.Errorf("%d fields, %d bytes", len(e.Fields), w.Body.Len())
	}
}

// TestLargeBodies: what is too large or of another type is refused before it is read on, so
// that whoever sends it can read why.
func TestLargeBodies(t *testing.T) {
	a := things(Options{})
	for _, c := range []struct {
		kind   Kind
		change func(*http.Request)
		before int // bytes that may be read before the refusal
	}{
		{TooLarge, func(r *http.Request) { r.ContentLength = 1 << 20 }, 0},
		{TooLarge, func(r *http.Request) { r.ContentLength = -1 }, 3 * 4096},
		{WrongType, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 0},
	} {
		w := httptest.NewRecorder()
		body := &blank{left: 1 << 20, read: func(total int) {
			if total > c.before && w.Body.Len() == 0 {
				t.Errorf("%v: %d bytes were read before it was said", c.kind, total)
			}
		}}
		r := httptest.NewRequestWithContext(by(Operate), "PUT", "/v1/things/x", body)
		c.change(r)
		a.Handler().ServeHTTP(w, r)
		if e := problemOf(t, w); e.Code != c.kind.Code || w.Header().Get("Connection") != "close" {
			t.Errorf("%v: %s, %v", c.kind, w.Body, w.Header())
		}
	}
}

// blank is so many spaces, and tells how many will have been read.
type blank struct {
	total, left int
	read        func(total int)
}

func (b *blank) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, bytes.Repeat([]byte(" "), min(len(p), b.left)))
	b.left -= n
	b.total += n
	b.read(b.total)
	return n, nil
}

// TestChanges: what changes something is told, with who asked and what came of it.
func TestChanges(t *testing.T) {
	var told []Change
	var faults bytes.Buffer
	a := things(Options{Log: slog.New(slog.NewTextHandler(&faults, nil)), Changed: func(_ context.Context, c Change) { told = append(told, c) }})
	ask(a, by(Read), "GET", "/v1/things", "")
	ask(a, by(Operate), "PUT", "/v1/things/x", `{"count":2}`)
	ask(a, by(Operate), "DELETE", "/v1/things/x", ``)
	ask(a, by(Operate), "PUT", "/v1/things/panics", `{"count":2}`)
	var got []int
	for _, c := range told {
		got = append(got, c.Status)
		if c.Caller.Name != "anna" || c.Op.Path != "/v1/things/{name}" {
			t.Errorf("%+v", c)
		}
	}
	if len(got) != 3 || got[0] != 200 || got[1] != 403 || got[2] != 500 {
		t.Errorf("told %v", got)
	}
	if !strings.Contains(faults.String(), "a fault") {
		t.Errorf("the log has %q", &faults)
	}
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		has, needs Scope
		want       bool
	}{{Read, Read, true}, {Read, Operate, false}, {Administer, Read, true}, {Operate, Administer, false}, {"", Read, false}, {"root", Read, false}, {Read, "", false}} {
		if got := c.has.Allows(c.needs); got != c.want {
			t.Errorf("%q, %q: %v", c.has, c.needs, got)
		}
	}
	if _, err := ParseScope("root"); err == nil || !strings.Contains(err.Error(), "administer") {
		t.Error(err)
	}
}
