package records

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/access/audit"
	"culvert/access/onetime"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
	"culvert/operate/orders"
	"culvert/operate/setup"
	"culvert/store"
	"culvert/store/memory"
)

// office is a server's store with its API, and a registrar at work on a directory.
type office struct {
	t     *testing.T
	dir   string
	store store.Store
	api   *api.API
	cfg   *config.Config
	scope api.Scope
	asked []string // operations, by a Client
}

func newOffice(t *testing.T) *office {
	o := &office{t: t, dir: filepath.Join(t.TempDir(), "server"), store: memory.New(), cfg: new(config.Config), scope: api.Administer}
	if _, err := setup.Init(setup.InitOptions{Dir: o.dir, Host: "vpn.example.org", Now: time.Now(), Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	o.cfg.Server.Policy = &config.File{Name: "policy", Text: []byte("allow user alice to 10.1.0.0/16 tcp/443\n")}
	o.api = api.New(api.Options{})
	Add(o.api, Options{Store: o.store, Audit: audit.In(o.dir), AuditFailed: func(err error) { t.Error(err) }, Config: func() *config.Config { return o.cfg }, Asker: orders.NewAsker(o.store), Now: time.Now})
	r := &registrar.Registrar{Dir: o.dir, Store: o.store, Log: slog.New(slog.DiscardHandler), Now: time.Now, Audit: audit.In(o.dir),
		Examine: func(context.Context) (*registrar.Health, error) {
			return &registrar.Health{At: time.Now(), Outcome: "well", Checks: []registrar.Check{{Name: "clock", About: "the clock", Outcome: "well"}}}, nil
		}}
	ctx, end := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() {
		(&orders.Desk{Store: o.store, Log: slog.New(slog.DiscardHandler), Kinds: r.Kinds()}).Run(ctx)
	})
	t.Cleanup(func() {
		end()
		working.Wait()
	})
	return o
}

// ask asks for an operation, which has to end with a status, and returns the answer.
func (o *office) ask(status int, method, path, body string) map[string]any {
	o.t.Helper()
	w := httptest.NewRecorder()
	ctx := api.As(o.t.Context(), api.Caller{Name: "anna", Scope: o.scope, Via: "socket"})
	o.api.Handler().ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body)))
	if w.Code != status {
		o.t.Errorf("%s %s %s: %d %s, expected %d", method, path, body, w.Code, w.Body, status)
	}
	text := w.Body.String()
	for _, secret := range []string{"$argon2", `"secret"`} {
		if strings.Contains(text, secret) {
			o.t.Errorf("%s %s: %s", method, path, text)
		}
	}
	answer := map[string]any{}
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			o.t.Error(err, text)
		}
	}
	return answer
}

// TestUsers: users are added, changed field by field, found and removed; each error has its
// code, and what was meant.
func TestUsers(t *testing.T) {
	o := newOffice(t)
	o.ask(200, "POST", "/v1/groups", `{"name":"staff","require":"certificate+password","max_devices":1}`)
	u := o.ask(200, "POST", "/v1/users", `{"name":"alice","full_name":"<b>Al\u202eice</b>","groups":["staff"],"password":"four words in a row","limits":{"up":"5M","quota":"50G/month"}}`)
	if u["full_name"] != "<b>Al\u202eice</b>" || u["password"] != true || u["signs_in"] != "certificate+password" || u["state"] != "active" || u["limits"].(map[string]any)["up"] != "5M" {
		t.Errorf("%v", u)
	}
	u = o.ask(200, "PATCH", "/v1/users/alice", `{"email":"a@example.org","limits":{"up":null}}`)
	if u["full_name"] == nil || u["email"] != "a@example.org" || u["limits"].(map[string]any)["up"] != nil || u["limits"].(map[string]any)["quota"] == nil {
		t.Errorf("%v", u)
	}
	if u = o.ask(200, "PATCH", "/v1/users/alice", `{"full_name":null,"expires":"2020-01-01T00:00:00Z"}`); u["full_name"] != nil || u["state"] != "expired" {
		t.Errorf("%v", u)
	}
	o.ask(200, "PATCH", "/v1/users/alice", `{"expires":null}`)
	for _, c := range []struct {
		status             int
		method, path, body string
		code, mend         string
	}{
		{404, "GET", "/v1/users/alcie", "", registrar.UnknownUser, "did you mean alice?"},
		{409, "POST", "/v1/users", `{"name":"alice"}`, registrar.Exists, "another name"},
		{409, "POST", "/v1/users", `{"name":"Alice"}`, registrar.NameAlike, "another name"},
		{422, "POST", "/v1/users", `{"name":"a b"}`, registrar.Invalid, ""},
		{422, "POST", "/v1/users", `{"name":"bob","full_name":"a\u0007b"}`, registrar.Invalid, ""},
		{422, "POST", "/v1/users", `{"name":"bob","password":"short"}`, registrar.Invalid, ""},
		{422, "POST", "/v1/users", `{"name":"bob","limits":{"up":"fast"}}`, registrar.Invalid, ""},
		{404, "POST", "/v1/users", `{"name":"bob","groups":["stuff"]}`, registrar.UnknownGroup, "did you mean staff?"},
		{400, "POST", "/v1/users", `{"name":"bob","hash":"x"}`, "bad-request", ""},
		{400, "PATCH", "/v1/users/alice", `{"full_name":7}`, "bad-request", ""},
		{404, "DELETE", "/v1/users/bob", "", registrar.UnknownUser, ""},
		{409, "POST", "/v1/groups", `{"name":"staff"}`, registrar.Exists, ""},
		{422, "PATCH", "/v1/groups/staff", `{"require":"magic"}`, registrar.Invalid, ""},
		{404, "PATCH", "/v1/groups/staff", `{"add":["nobody"]}`, registrar.UnknownUser, ""},
	} {
		e := o.ask(c.status, c.method, c.path, c.body)
		if mend, _ := e["mend"].(string); e["code"] != c.code || !strings.Contains(mend, c.mend) {
			t.Errorf("%s %s: %v", c.method, c.path, e)
		}
	}
	o.ask(204, "PUT", "/v1/users/alice/password", `{"password":null}`)
	begun := o.ask(200, "POST", "/v1/users/alice/totp", `{"step":"begin"}`)
	if key, _ := begun["key"].(string); key == "" || !strings.Contains(begun["qr"].(string), "<svg") {
		t.Fatalf("%v", begun)
	}
	r, _, err := users.NewBook(o.store, time.Now).User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	if done := o.ask(200, "POST", "/v1/users/alice/totp", `{"step":"confirm","code":"`+onetime.At(r.TOTP.Secret, time.Now())+`"}`); len(done["recovery"].([]any)) == 0 || done["key"] != nil {
		t.Errorf("%v", done)
	}
	if u = o.ask(200, "GET", "/v1/users/alice", ""); u["code"] != true || u["password"] != false {
		t.Errorf("%v", u)
	}
	for i := range 5 {
		o.ask(200, "POST", "/v1/users", fmt.Sprintf(`{"name":"user%d","groups":["staff"]}`, i))
	}
	page := o.ask(200, "GET", "/v1/users?limit=4&group=staff", "")
	rest := o.ask(200, "GET", "/v1/users?limit=4&group=staff&after="+page["next"].(string), "")
	if len(page["users"].([]any)) != 4 || len(rest["users"].([]any)) != 2 || rest["next"] != nil {
		t.Errorf("%v %v", page, rest)
	}
	log := o.ask(200, "GET", "/v1/audit?name=alice&what=changed", "")
	if first := log["entries"].([]any)[0].(map[string]any); first["by"] != "anna (socket)" || first["command"] != "POST /v1/users/alice/totp confirm" {
		t.Errorf("%v", first)
	}
}

// TestScopes: to disable is to operate, and more is to administer.
func TestScopes(t *testing.T) {
	o := newOffice(t)
	o.ask(200, "POST", "/v1/users", `{"name":"alice"}`)
	o.ask(200, "POST", "/v1/devices", `{"user":"alice","name":"phone"}`)
	o.scope = api.Operate
	if u := o.ask(200, "PATCH", "/v1/users/alice", `{"disabled":true}`); u["state"] != "disabled" {
		t.Errorf("%v", u)
	}
	o.ask(200, "PATCH", "/v1/devices/phone.alice", `{"disabled":true}`)
	for _, c := range [][3]string{{"PATCH", "/v1/users/alice", `{"disabled":false,"email":"x"}`}, {"PATCH", "/v1/devices/phone.alice", `{"expires":null}`}, {"POST", "/v1/users", `{"name":"bob"}`},
		{"DELETE", "/v1/users/alice", ""}, {"PUT", "/v1/users/alice/password", `{"password":"four words in a row"}`}, {"POST", "/v1/users/alice/totp", `{"step":"begin"}`}, {"POST", "/v1/revoke", `{"name":"alice"}`}, {"PATCH", "/v1/groups/everyone", `{"max_devices":2}`}} {
		if e := o.ask(403, c[0], c[1], c[2]); e["code"] != "forbidden" {
			t.Errorf("%v: %v", c, e)
		}
	}
	o.scope = api.Read
	o.ask(403, "PATCH", "/v1/users/alice", `{"disabled":false}`)
	o.ask(200, "GET", "/v1/devices", "")
}

// TestDevices: devices get profiles by the registrar, by link as well; they are renewed,
// revoked and removed, and no order is left in the store.
func TestDevices(t *testing.T) {
	o := newOffice(t)
	o.ask(200, "POST", "/v1/groups", `{"name":"one","max_devices":1}`)
	o.ask(200, "POST", "/v1/users", `{"name":"alice"}`)
	o.ask(200, "POST", "/v1/users", `{"name":"bob","groups":["one"]}`)
	p := o.ask(200, "POST", "/v1/devices", `{"user":"alice","name":"phone","ipv4":"auto"}`)
	if text, _ := p["profile"].(string); !strings.Contains(text, "PRIVATE KEY") || p["common_name"] != "phone.alice" || p["ipv4"] == nil || p["link"] != nil {
		t.Errorf("%v", p)
	}
	if e := o.ask(422, "POST", "/v1/devices", `{"user":"alice","name":"pad","link":"24h"}`); e["code"] != registrar.Invalid || !strings.Contains(e["mend"].(string), "web-listen") {
		t.Errorf("%v", e)
	}
	o.cfg.Server.Web = config.Web{Listen: netip.MustParseAddrPort("0.0.0.0:8443"), URL: "https://vpn.example.org:8443"}
	p = o.ask(200, "POST", "/v1/devices", `{"user":"bob","name":"pad","link":"24h"}`)
	if link, _ := p["link"].(string); p["profile"] != nil || !strings.HasPrefix(link, "https://vpn.example.org:8443/") || p["connect_link"] == nil || !strings.HasPrefix(p["qr"].(string), "<svg") {
		t.Errorf("%v", p)
	}
	o.ask(200, "PATCH", "/v1/users/alice", `{"disabled":true}`)
	for _, c := range []struct {
		status     int
		path, body string
		code       string
	}{
		{409, "/v1/devices", `{"user":"bob","name":"phone"}`, registrar.TooManyOwned},
		{409, "/v1/devices", `{"user":"alice","name":"watch"}`, registrar.Barred},
		{409, "/v1/devices/phone.alice/renew", `{}`, registrar.Barred},
		{404, "/v1/devices", `{"user":"carol","name":"phone"}`, registrar.UnknownUser},
		{404, "/v1/devices/phoen.alice/renew", `{}`, registrar.UnknownDevice},
		{422, "/v1/devices", `{"user":"bob","name":"a/../b"}`, registrar.Invalid},
		{422, "/v1/devices", `{"user":"bob","name":"x","link":"1s"}`, registrar.Invalid},
		{404, "/v1/revoke", `{"name":"../ca"}`, registrar.UnknownName},
	} {
		if e := o.ask(c.status, "POST", c.path, c.body); e["code"] != c.code {
			t.Errorf("%s %s: %v", c.path, c.body, e)
		}
	}
	o.ask(200, "PATCH", "/v1/users/alice", `{"disabled":false}`)
	if e := o.ask(409, "POST", "/v1/devices", `{"user":"alice","name":"phone"}`); e["code"] != registrar.Exists {
		t.Errorf("%v", e)
	}
	if p = o.ask(200, "POST", "/v1/devices/phone.alice/renew", `{"revoke_old":true}`); !strings.Contains(p["profile"].(string), "PRIVATE KEY") || p["revoked"] == nil {
		t.Errorf("%v", p)
	}
	if r := o.ask(200, "POST", "/v1/revoke", `{"name":"phone.alice"}`); r["already"] != false {
		t.Errorf("%v", r)
	}
	if e := o.ask(409, "POST", "/v1/devices/phone.alice/renew", `{}`); e["code"] != registrar.WasRevoked || !strings.Contains(e["mend"].(string), "--let-in-again") {
		t.Errorf("%v", e)
	}
	c := o.ask(200, "GET", "/v1/certificates", "")
	if len(c["server"].([]any)) < 3 || c["total"] != 2.0 || c["clients"].([]any)[1].(map[string]any)["state"] != "revoked" {
		t.Errorf("%v", c)
	}
	o.ask(200, "DELETE", "/v1/devices/phone.alice", "")
	o.ask(404, "GET", "/v1/devices/phone.alice", "")
	o.ask(200, "DELETE", "/v1/users/bob", "")
	if h := o.ask(200, "GET", "/v1/health", ""); h["outcome"] != "well" {
		t.Errorf("%v", h)
	}
	snap, err := o.store.List(t.Context(), orders.Prefix)
	if err != nil || len(snap.Entries) > 0 {
		t.Errorf("left: %v %v", snap.Entries, err)
	}
}

// TestPolicy: the policy is shown, and answers questions, as another text does.
func TestPolicy(t *testing.T) {
	o := newOffice(t)
	o.ask(200, "POST", "/v1/users", `{"name":"alice"}`)
	a := o.ask(200, "POST", "/v1/policy/check", `{"questions":["can alice reach 10.1.2.3:443?","what?"],"text":"allow user alice to 10.1.0.0/16 tcp/443\n"}`)
	if all := a["answers"].([]any); len(a["faults"].([]any)) != 0 || len(all) != 2 || all[0].(map[string]any)["yes"] != true || all[1].(map[string]any)["fault"] == nil {
		t.Errorf("%v", a)
	}
	if p := o.ask(200, "GET", "/v1/policy", ""); p["rules"] != 1.0 || !strings.Contains(p["text"].(string), "alice") {
		t.Errorf("%v", p)
	}
	o.cfg.Server.Policy = nil
	if e := o.ask(409, "GET", "/v1/policy", ""); e["code"] != "unsupported" {
		t.Errorf("%v", e)
	}
}
