package service

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/history"
	"culvert/operate/logs"
	"culvert/operate/manage"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
	"culvert/operate/people"
	"culvert/store"
	"culvert/store/memory"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

// contract is the API of a process, with its document.
type contract struct {
	api    *api.API
	back   *backendtest.Fake
	ring   *logs.Ring
	store  store.Store
	book   *history.Volume // of the history; nil: there is none
	dir    string          // of a server with a registrar
	waits  bool            // for what streams answer, which are ended as they begin else
	config *config.Config  // that it goes by
	schema *jsonschema.Compiler
	doc    struct {
		Paths map[string]map[string]struct {
			Scope     string `json:"x-scope"`
			Body      any    `json:"requestBody"`
			Responses map[string]struct {
				Codes   []string       `json:"x-codes"`
				Content map[string]any `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	text []byte
}

// contractOf is the API of a process of a role, of all groups that it can have.
func contractOf(t *testing.T, role string) *contract {
	t.Helper()
	return contractBy(t, role, func(b *backendtest.Fake, _ *config.Config) backend.Backend { return b })
}

// contractBy is contractOf with a back end that has more than a fake.
func contractBy(t *testing.T, role string, more func(*backendtest.Fake, *config.Config) backend.Backend) *contract {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := roles{log: log, Options: Options{Dir: t.TempDir()}, people: &people.Host{Store: memory.New()}, local: newLocal("", "", nil, log)}
	c, b, ring := &config.Config{}, backendtest.New(), new(logs.Ring)
	b.State = backend.Status{Role: role, Adapter: "tun0", Since: time.Now().UTC(), Drops: map[string]uint64{"replayed": 2}, Peers: []backend.Peer{{Number: 7, Name: "anna", Remote: "192.0.2.7:1194"}}}
	k := &contract{api: r.local.api, back: b, ring: ring, store: r.people.Store, config: c, schema: jsonschema.NewCompiler()}
	logs.AddOperations(r.local.api, logs.Control{Latest: ring, Levels: new(logs.Levels), Verb: func() int { return 3 }})
	if role == "server" {
		c.Mode = config.ModeServer
		recordsOf(r, c, func() *config.Config { return c })
		s := history.OpenVolume(t.TempDir(), log)
		if err := s.Trouble(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		k.book = s
		history.AddOperations(r.local.api, history.NewBook(s), func() history.Stats { return history.Stats{} })
	}
	kept := recent.Keep(b)
	t.Cleanup(kept.Close)
	manage.Add(r.local.api, more(b, c), kept)
	var err error
	if k.text, err = k.api.Document(); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(k.text, &k.doc); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(k.text))
	if err == nil {
		err = k.schema.AddResource("openapi.json", doc)
	}
	if err != nil {
		t.Fatal(err)
	}
	k.schema.AssertFormat()
	return k
}

// parameter is one in a path.
var parameter = regexp.MustCompile(`\{([a-z_]+)\}`)

// bodies are those that operations take, by method and path; the others take none that this
// process could carry out.
var bodies = map[string]string{
	"POST /v1/users":                  `{"name":"alice"}`,
	"PATCH /v1/users/{name}":          `{"disabled":true}`,
	"PUT /v1/users/{name}/password":   `{"password":"correct horse battery"}`,
	"POST /v1/users/{name}/totp":      `{"step":"begin"}`,
	"POST /v1/groups":                 `{"name":"alice"}`,
	"PATCH /v1/groups/{name}":         `{"require":"password"}`,
	"POST /v1/policy/check":           `{"questions":["can alice reach 10.1.2.3:443?"],"text":"allow user alice to 10.1.0.0/16 tcp/443\n"}`,
	"POST /v1/tokens":                 `{"name":"alice","scope":"read"}`,
	"POST /v1/push-update":            `{"all":true,"options":["-route"]}`,
	"POST /v1/use":                    `{"remote":"1"}`,
	"PUT /v1/logs/levels":             `{"levels":[]}`,
	"PATCH /v1/devices/{common_name}": `{"disabled":true}`,
}

// ask asks an operation, and checks that the answer is one of those that the document has.
func (k *contract) ask(t *testing.T, what, method, path, query, body, media string, scope api.Scope) int {
	t.Helper()
	at := parameter.ReplaceAllStringFunc(path, func(p string) string {
		if p == "{number}" || p == "{id}" {
			return "7"
		}
		return "alice"
	})
	return k.askAt(t, what, method, path, at+query, body, media, scope).Code
}

// askAt is ask at an address of the path.
func (k *contract) askAt(t *testing.T, what, method, path, at, body, media string, scope api.Scope) *httptest.ResponseRecorder {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	op := k.doc.Paths[path][strings.ToLower(method)]
	if ok := op.Responses["200"].Content; len(ok) > 0 && ok["application/json"] == nil && !k.waits {
		end()
	}
	defer end()
	if scope != "" {
		ctx = api.As(ctx, api.Caller{Name: "test", Scope: scope, Via: "socket"})
	}
	r := httptest.NewRequestWithContext(ctx, method, at, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", media)
	}
	w := httptest.NewRecorder()
	k.api.Handler().ServeHTTP(w, r)
	said := fmt.Sprintf("%s %s (%s): %d %.300s", method, at, what, w.Code, w.Body)
	declared, known := op.Responses[fmt.Sprint(w.Code)]
	if !known {
		t.Errorf("%s: the document has no such answer", said)
		return w
	}
	if w.Code == http.StatusNoContent {
		if w.Body.Len() > 0 {
			t.Errorf("%s: expected nothing", said)
		}
		return w
	}
	got, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	if _, known := declared.Content[got]; !known {
		t.Errorf("%s: of the type %q, which the document does not have", said, got)
		return w
	}
	if got != "application/json" && got != "application/problem+json" || path == api.DocumentPath {
		return w
	}
	schema, err := k.schema.Compile(fmt.Sprintf("openapi.json#/paths/%s/%s/responses/%d/content/%s/schema", escaped(path), strings.ToLower(method), w.Code, escaped(got)))
	if err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s: %v", said, err)
	}
	if w.Code >= 400 {
		var e api.Error
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Status != w.Code || e.Message == "" || e.Mend == "" || !slices.Contains(declared.Codes, e.Code) {
			t.Errorf("%s: expected one of the codes %q, a message and what to do: %v", said, declared.Codes, err)
		}
	}
	return w
}

// TestDocument asks every operation of a server's and a client's document, by all kinds of
// callers, with good and bad input: each answer is one that the document has.
func TestDocument(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		synctest.Test(t, func(t *testing.T) { askAll(t, role) })
	}
}

// askAll is TestDocument for a role.
func askAll(t *testing.T, role string) {
	k := contractOf(t, role)
	if len(k.api.Ops()) == 0 {
		t.Fatal("no operations")
	}
	for _, op := range k.api.Ops() {
		documented := k.doc.Paths[op.Path][strings.ToLower(op.Method)]
		if documented.Scope != string(op.Scope) {
			t.Errorf("%s %s: scope %q in the document", op.Method, op.Path, documented.Scope)
		}
		body := bodies[op.Method+" "+op.Path]
		if body == "" && documented.Body != nil {
			body = "{}"
		}
		const media = "application/json"
		k.ask(t, role+", with good input", op.Method, op.Path, "", body, media, api.Administer)
		if got := k.ask(t, "nobody", op.Method, op.Path, "", body, media, ""); got != 401 {
			t.Errorf("%s %s by nobody: %d", op.Method, op.Path, got)
		}
		if got := k.ask(t, "a small scope", op.Method, op.Path, "", body, media, api.Read); op.Scope != api.Read && got != 403 {
			t.Errorf("%s %s by one who reads: %d", op.Method, op.Path, got)
		}
		if got := k.ask(t, "an unknown parameter", op.Method, op.Path, "?nonsense=1", body, media, api.Administer); got != 400 {
			t.Errorf("%s %s with an unknown parameter: %d", op.Method, op.Path, got)
		}
		if documented.Body == nil {
			if got := k.ask(t, "a body for what needs none", op.Method, op.Path, "", strings.Repeat("x", 4<<10), media, api.Administer); got != 413 {
				t.Errorf("%s %s with a body: %d", op.Method, op.Path, got)
			}
			continue
		}
		for what, c := range map[string]struct {
			body, media string
			want        int
		}{
			"an unknown field": {`{"nonsense":1}`, media, 400}, "no JSON": {`{`, media, 400}, "a list": {`[]`, media, 400},
			"another type": {body, "text/plain", 415}, "too much": {`{"nonsense":"` + strings.Repeat("x", 2<<20) + `"}`, media, 413},
		} {
			if got := k.ask(t, what, op.Method, op.Path, "", c.body, c.media, api.Administer); got != c.want {
				t.Errorf("%s %s with %s: %d, expected %d", op.Method, op.Path, what, got, c.want)
			}
		}
	}
}

// TestDocumentKept holds docs/openapi.json to what a server has.
func TestDocumentKept(t *testing.T) {
	var text bytes.Buffer
	if err := json.Indent(&text, versionText.ReplaceAll(contractOf(t, "server").text, []byte(`"version":"v1"`)), "", " "); err != nil {
		t.Fatal(err)
	}
	text.WriteByte('\n')
	file := filepath.Join("..", "..", "docs", "openapi.json")
	if *update {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(kept, text.Bytes()) {
		t.Errorf("docs/openapi.json is not what a server answers: run go test ./operate/service -run TestDocumentKept -update; %v", err)
	}
}

// versionText is the program's version in a document, which differs from build to build.
var versionText = regexp.MustCompile(`"version":"[^"]*"`)
