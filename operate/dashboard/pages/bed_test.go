//go:build interop

package pages

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/dashboard/pages/browsertest"
	"culvert/operate/manage"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
)

var from = flag.String("from", "", "a `folder` to take the pages from, instead of those built in")

// policy is the Content-Security-Policy of the bed, as strict as the dashboard's.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// bed is a server that has the pages, and answers that tests give it. Its events are those of the
// API, of a back end that tests have things happen to.
type bed struct {
	*httptest.Server
	happens *backendtest.Fake
	kept    *recent.Recent
	api     http.Handler

	mu      sync.Mutex
	answers map[string]json.RawMessage // of GET, by path, or by path and query; of others with the method before
	asked   []string                   // METHOD PATH BODY of what changes something
	resumed []string                   // ids after which streams were asked for
	streams []context.CancelFunc
	second  int // of the rates
	out     bool
}

// newBed returns a bed with the answers of a file of testdata.
func newBed(t *testing.T, file string) *bed {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{happens: backendtest.New()}
	if err := json.Unmarshal([]byte(dated(string(text))), &b.answers); err != nil {
		t.Fatal(err)
	}
	b.kept = recent.Keep(b.happens)
	a := api.New(api.Options{})
	manage.Add(a, b.happens, b.kept)
	b.api = a.Handler()
	b.Server = httptest.NewServer(b)
	t.Cleanup(func() { b.cut(); b.Server.CloseClientConnections(); b.Close(); b.kept.Close() })
	return b
}

// dated replaces times such as "@-17m" by those that are as far from now.
func dated(text string) string {
	return regexp.MustCompile(`"@(-?[\d.]+)([smhd])"`).ReplaceAllStringFunc(text, func(found string) string {
		unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[found[len(found)-2]]
		var n float64
		fmt.Sscanf(found[2:len(found)-2], "%g", &n)
		return `"` + time.Now().Add(time.Duration(n*float64(unit))).UTC().Format(time.RFC3339Nano) + `"`
	})
}

func (b *bed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path := r.URL.Path
	switch {
	case path == manage.EventsPath:
		b.events(w, r)
	case path == "/v1/logs":
		b.lines(w, r)
	case strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/auth/"):
		b.answer(w, r)
	default:
		var files fs.FS = FS()
		if *from != "" {
			files = os.DirFS(*from)
		}
		http.FileServerFS(files).ServeHTTP(w, r)
	}
}

func (b *bed) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if b.out && strings.HasPrefix(r.URL.Path, "/v1/") {
		fault(w, 401, "sign-in", "nobody is signed in", "sign in")
		return
	}
	if r.Method != http.MethodGet {
		b.asked = append(b.asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	}
	if r.URL.Path == "/auth/code" {
		b.out = false
	}
	answer, known := b.answers[r.Method+" "+r.URL.Path]
	if !known && r.Method == http.MethodGet {
		answer, known = b.answers[r.URL.RequestURI()]
	}
	if !known && r.Method == http.MethodGet {
		answer, known = b.answers[r.URL.Path]
	}
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/auth/out":
		b.out = true
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/v1/rates":
		b.second++
		fmt.Fprint(w, b.rates())
	case r.Method == http.MethodGet && r.URL.Path == "/v1/users" && r.URL.Query().Has("group"):
		b.membersOf(w, r.URL.Query().Get("group"))
	case known && strings.HasPrefix(string(answer), `{"status"`):
		var fault struct{ Status int }
		json.Unmarshal(answer, &fault)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(fault.Status)
		w.Write(answer)
	case known:
		w.Write(answer)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/passkeys"):
		fmt.Fprint(w, `{"passkeys":[]}`)
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/users/"):
		b.oneOf(w, strings.TrimPrefix(r.URL.Path, "/v1/users/"))
	case r.Method == http.MethodGet:
		fault(w, 404, "not-found", "there is no "+r.URL.Path, "")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func fault(w http.ResponseWriter, status int, code, detail, mend string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": status, "code": code, "detail": detail, "mend": mend})
}

// oneOf answers with a user of the list.
func (b *bed) oneOf(w http.ResponseWriter, name string) {
	var all struct{ Users []map[string]any }
	json.Unmarshal(b.answers["/v1/users"], &all)
	for _, u := range all.Users {
		if u["name"] == name {
			json.NewEncoder(w).Encode(u)
			return
		}
	}
	fault(w, 404, "not-found", "there is no user "+name, "")
}

// membersOf answers with the users of the list who are in a group.
func (b *bed) membersOf(w http.ResponseWriter, group string) {
	var all, in struct {
		Users []map[string]any `json:"users"`
	}
	json.Unmarshal(b.answers["/v1/users"], &all)
	for _, u := range all.Users {
		if groups, _ := u["groups"].([]any); slices.Contains(groups, any(group)) {
			in.Users = append(in.Users, u)
		}
	}
	json.NewEncoder(w).Encode(in)
}

// rates are 15 minutes of values that differ from second to second.
func (b *bed) rates() string {
	var in, out []string
	for i := range 900 {
		in = append(in, fmt.Sprint((i+b.second)%60*100_000))
		out = append(out, fmt.Sprint((i+b.second)%120*70_000))
	}
	return fmt.Sprintf(`{"step":1,"until":%q,"bytes_in":[%s],"bytes_out":[%s],"sessions":[]}`, time.Now().UTC().Format(time.RFC3339), strings.Join(in, ","), strings.Join(out, ","))
}

// events answers as the API does.
func (b *bed) events(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(api.As(r.Context(), api.Caller{Name: "root", Scope: api.Administer, Via: "dashboard"}))
	defer cancel()
	b.mu.Lock()
	b.resumed = append(b.resumed, r.Header.Get("Last-Event-ID"))
	b.streams = append(b.streams, cancel)
	b.mu.Unlock()
	b.api.ServeHTTP(w, r.WithContext(ctx))
}

// happen has an event happen.
func (b *bed) happen(e backend.Event) {
	e.Time = time.Now()
	b.happens.Happen(e)
}

// cut ends all streams of events.
func (b *bed) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, cancel := range b.streams {
		cancel()
	}
	b.streams = nil
}

// lines answers with lines of a log, and no more of them.
func (b *bed) lines(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i, level := range []string{"info", "warn", "error", "debug"} {
		fmt.Fprintf(w, "event: line\ndata: {\"time\":%q,\"level\":%q,\"subsystem\":\"server\",\"message\":\"line %d of a client\",\"attributes\":{\"name\":\"<b>x</b>\\u202e%s\"}}\n\n", time.Now().Format(time.RFC3339), level, i, strings.Repeat("w", 300))
	}
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// set changes an answer.
func (b *bed) set(path, answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers[path] = json.RawMessage(answer)
}

// wasAsked reports whether something was asked for.
func (b *bed) wasAsked(what string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, asked := range b.asked {
		if asked == what {
			return true
		}
	}
	return false
}

// wantAsked waits until something was asked for.
func (b *bed) wantAsked(t *testing.T, what string) {
	t.Helper()
	for deadline := time.Now().Add(browsertest.Patience); !b.wasAsked(what); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.mu.Lock()
			defer b.mu.Unlock()
			t.Fatalf("nobody asked for %s, but for\n%s", what, strings.Join(b.asked, "\n"))
		}
	}
}

// pictures is where screenshots are kept.
func pictures(t *testing.T) string {
	dir := filepath.Join("..", "..", "..", "lab", "interop", "out", "dashboard")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
