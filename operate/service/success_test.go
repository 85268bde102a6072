package service

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
	"testing"
	"time"

	"culvert/access/audit"
	"culvert/access/onetime"
	"culvert/access/passkeys"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/history"
	"culvert/operate/history/track"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
	"culvert/operate/orders"
	"culvert/operate/setup"
	"culvert/store"
)

// explained is a fake that also says where packets go, and what it goes by.
type explained struct {
	*backendtest.Fake
	config *config.Config
}

func (e explained) Configuration() (now, told *config.Config) { return e.config, nil }

func (explained) Routes() backend.Routes {
	return backend.Routes{Routes: []backend.Route{{Network: netip.MustParsePrefix("10.8.0.0/24"), Leads: "tunnel", Reason: "network"}}, Host: true}
}

// steered is a fake of a client.
type steered struct{ explained }

func (s steered) Quit() { s.Happen(backend.Event{Kind: backend.Ended}) }

func (steered) Reconnect(context.Context) (backend.Used, error) {
	return backend.Used{Remote: "vpn.example.org:1194", Kept: "192.0.2.1:1194"}, nil
}

func (steered) Use(_ context.Context, remote string) (backend.Used, error) {
	return backend.Used{Remote: remote, Trying: true}, nil
}

func (steered) Servers() ([]backend.Measured, error) {
	return []backend.Measured{{Name: "vpn.example.org", Delay: 12.5, Chosen: true, Why: "it is the nearest"}}, nil
}

// staffed is a server whose store has a registrar at work on a directory.
func staffed(t *testing.T, change func(map[string]orders.Work)) *contract {
	t.Helper()
	k := contractBy(t, "server", func(b *backendtest.Fake, c *config.Config) backend.Backend {
		b.Update = func(backend.Update) (backend.Updated, error) {
			return backend.Updated{Told: []string{"anna"}, Missing: []string{"bob"}}, nil
		}
		return explained{b, c}
	})
	dir := filepath.Join(t.TempDir(), "server")
	if _, err := setup.Init(setup.InitOptions{Dir: dir, Host: "vpn.example.org", Now: time.Now(), Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	k.config.Server.Policy = &config.File{Name: "policy", Text: []byte("allow user alice to 10.1.0.0/16 tcp/443\n")}
	k.config.Server.Web = config.Web{Listen: netip.MustParseAddrPort("0.0.0.0:8443"), URL: "https://vpn.example.org:8443"}
	quiet := slog.New(slog.DiscardHandler)
	r := &registrar.Registrar{Dir: dir, Store: k.store, Log: quiet, Now: time.Now, Audit: audit.In(dir), Examine: func(context.Context) (*registrar.Health, error) {
		return &registrar.Health{At: time.Now(), Outcome: "well", Checks: []registrar.Check{{Name: "clock", About: "the clock", Outcome: "well"}}}, nil
	}}
	kinds := r.Kinds()
	if change != nil {
		change(kinds)
	}
	k.dir = dir
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&orders.Desk{Store: k.store, Log: quiet, Kinds: kinds}).Run(ctx)
	}()
	t.Cleanup(func() { end(); <-ended })
	return k
}

// remember has the history know a session, whose id it returns.
func (k *contract) remember(t *testing.T) string {
	t.Helper()
	now := time.Now().UTC()
	l := &track.Live{Session: track.Session{ID: track.ID(now, 7), Device: "phone.alice", User: "alice", Remote: "192.0.2.7:1194", IPv4: netip.MustParseAddr("10.8.0.6"), Begin: now, Last: now}}
	l.Life = []track.Moment{{Time: now, What: "up", Handshake: eventful().Handshake}}
	keeper := history.NewKeeper(k.book, history.Options{Days: 90, Log: slog.New(slog.DiscardHandler)})
	keeper.Changed(track.Begun, l)
	keeper.Close()
	return l.ID
}

// enrol has alice own a passkey, whose id it returns.
func (k *contract) enrol(t *testing.T) string {
	t.Helper()
	u, _, err := users.NewBook(k.store, time.Now).User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	p := passkeys.Passkey{User: "alice", Since: u.Created, Name: "phone", Created: time.Now(), Used: time.Now(), ID: []byte{1}, PublicKey: []byte{2}}
	value, err := store.Encode(passkeys.Version, p)
	if err == nil {
		_, err = k.store.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: passkeys.Key(p.ID), Value: value}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return passkeys.Digest(p.ID)
}

// wish is an operation that is asked for and has to be carried out.
type wish struct {
	op   string // method and path, as the document has them
	at   string // what stands in place of the path's parameters, one after the other, and a query
	body string
}

// grant asks for an operation, and notes that it was carried out.
func (k *contract) grant(t *testing.T, done map[string]bool, w wish) *httptest.ResponseRecorder {
	t.Helper()
	answer := k.send(t, "to be carried out", w)
	if answer.Code/100 != 2 {
		t.Errorf("%s %s %s: %d %s", w.op, w.at, w.body, answer.Code, answer.Body)
	}
	done[w.op] = true
	return answer
}

// send asks for an operation.
func (k *contract) send(t *testing.T, what string, w wish) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(w.op, " ")
	values, query, _ := strings.Cut(w.at, "?")
	at, each := path, strings.Fields(values)
	for i, p := range parameter.FindAllString(path, -1) {
		at = strings.Replace(at, p, each[i], 1)
	}
	if query != "" {
		at += "?" + query
	}
	return k.askAt(t, what, method, path, at, w.body, "application/json", api.Administer)
}

// TestCarriedOut: each operation of a server, with a store and a registrar, and of a client is
// carried out, and what it answers is as the document has it.
func TestCarriedOut(t *testing.T) {
	server, done := staffed(t, nil), map[string]bool{}
	id := server.remember(t)
	ask := func(w wish) *httptest.ResponseRecorder { t.Helper(); return server.grant(t, done, w) }
	for _, w := range []wish{
		{"POST /v1/groups", "", `{"name":"staff","require":"certificate+password","max_devices":3,"limits":{"up":"5M"}}`},
		{"POST /v1/users", "", `{"name":"alice","full_name":"Alice","email":"a@example.org","groups":["staff"],"password":"four words in a row","limits":{"up":"5M","hours":"mon-fri 08:00-18:00","quota":"50G/month"}}`},
		{"POST /v1/users", "", `{"name":"bob","expires":"2020-01-01T00:00:00Z"}`},
		{"PATCH /v1/users/{name}", "alice", `{"full_name":null}`},
		{"PUT /v1/users/{name}/password", "alice", `{"password":"four other words there"}`},
		{"POST /v1/devices", "", `{"user":"alice","name":"phone","ipv4":"auto"}`},
		{"POST /v1/devices", "", `{"user":"alice","name":"pad","link":"24h"}`},
		{"PATCH /v1/devices/{common_name}", "phone.alice", `{"limits":{"down":"20M"},"expires":"2090-01-01T00:00:00Z"}`},
		{"POST /v1/devices/{common_name}/renew", "phone.alice", `{"revoke_old":true}`},
		{"GET /v1/devices", "?user=alice&limit=1", ""},
		{"GET /v1/devices/{common_name}", "phone.alice", ""},
		{"GET /v1/users", "?limit=1&state=active", ""},
		{"GET /v1/users/{name}", "alice", ""},
		{"PATCH /v1/groups/{name}", "staff", `{"add":["bob"]}`},
		{"GET /v1/groups", "", ""},
		{"GET /v1/groups/{name}", "staff", ""},
		{"POST /v1/tokens", "", `{"name":"backup","scope":"read","expires":"2090-01-01T00:00:00Z"}`},
		{"GET /v1/tokens", "", ""},
		{"DELETE /v1/tokens/{name}", "backup", ""},
		{"GET /v1/policy", "", ""},
		{"POST /v1/policy/check", "", `{"questions":["can alice reach 10.1.2.3:443?","what?"]}`},
		{"GET /v1/health", "", ""},
		{"POST /v1/push-update", "", `{"names":["anna","bob"],"options":["-route"]}`},
		{"DELETE /v1/sessions/{number}", "7?message=RESTART", ""},
		{"PUT /v1/logs/levels", "", `{"levels":{"web":"debug","api":"default"}}`},
		{"GET /v1/history/sessions", "?user=alice", ""},
		{"GET /v1/history/sessions/{id}", id, ""},
		{"GET /v1/history/days", "?by=user", ""},
		{"GET /v1/capture", "?at=nic", ""},
	} {
		ask(w)
	}
	ask(wish{"GET /v1/users/{name}/passkeys", "alice", ""})
	pass := server.enrol(t)
	if key := ask(wish{"GET /v1/users/{name}/passkeys", "alice", ""}); !strings.Contains(key.Body.String(), pass) {
		t.Errorf("passkeys: %s", key.Body)
	}
	ask(wish{"DELETE /v1/users/{name}/passkeys/{id}", "alice " + pass, ""})
	enrolAll(t, server, ask)
	for _, w := range []wish{
		{"POST /v1/revoke", "", `{"name":"pad.alice"}`},
		{"GET /v1/certificates", "", ""},
		{"GET /v1/certificates", "?state=revoked", ""},
		{"DELETE /v1/devices/{common_name}", "pad.alice", ""},
		{"DELETE /v1/users/{name}", "alice", ""},
		{"DELETE /v1/groups/{name}", "staff", ""},
		{"GET /v1/audit", "?what=changed&limit=5", ""},
	} {
		ask(w)
	}
	client := contractBy(t, "client", func(b *backendtest.Fake, c *config.Config) backend.Backend { return steered{explained{b, c}} })
	for _, op := range []string{"GET /v1/servers", "POST /v1/reconnect", "POST /v1/disconnect"} {
		client.grant(t, done, wish{op: op})
	}
	client.grant(t, done, wish{"POST /v1/use", "", `{"remote":"2"}`})
	allCarriedOut(t, done, server, client)
}

// enrolAll gives alice an app for codes, and takes it away.
func enrolAll(t *testing.T, k *contract, ask func(wish) *httptest.ResponseRecorder) {
	const op = "POST /v1/users/{name}/totp"
	ask(wish{op, "alice", `{"step":"begin"}`})
	u, _, err := users.NewBook(k.store, time.Now).User(t.Context(), "alice")
	if err != nil || u.TOTP == nil {
		t.Fatal(u, err)
	}
	ask(wish{op, "alice", fmt.Sprintf(`{"step":"confirm","code":%q}`, onetime.At(u.TOTP.Secret, time.Now()))})
	ask(wish{op, "alice", `{"step":"recovery"}`})
	ask(wish{op, "alice", `{"step":"remove"}`})
}

// allCarriedOut asks for what needs nothing, and wants all operations to have been carried out.
func allCarriedOut(t *testing.T, done map[string]bool, all ...*contract) {
	t.Helper()
	for _, k := range all {
		for _, op := range k.api.Ops() {
			name := op.Method + " " + op.Path
			if done[name] {
				continue
			}
			if strings.Contains(op.Path, "{") && op.Path != "/v1/sessions/{number}" || k.doc.Paths[op.Path][strings.ToLower(op.Method)].Body != nil {
				t.Errorf("%s: it is carried out nowhere here", name)
				continue
			}
			k.grant(t, done, wish{op: name, at: "7"})
		}
	}
}

// TestUnknownNames: each operation that names something answers 404 with a code of its own where
// there is nothing of the name.
func TestUnknownNames(t *testing.T) {
	k, seen := staffed(t, nil), 0
	k.grant(t, map[string]bool{}, wish{"POST /v1/users", "", `{"name":"bob"}`})
	for _, op := range k.api.Ops() {
		if !strings.Contains(op.Path, "{") || op.Method+op.Path == "DELETE/v1/sessions/{number}" { // which a fake carries out
			continue
		}
		at := parameter.ReplaceAllStringFunc(op.Path, func(p string) string {
			return map[string]string{"{number}": "99", "{common_name}": "phone.nobody"}[p] + map[string]string{"{name}": "nobody", "{id}": "0000"}[p]
		})
		seen++
		body := bodies[op.Method+" "+op.Path]
		if body == "" && op.Method == "POST" {
			body = "{}"
		}
		answer := k.askAt(t, "an unknown name", op.Method, op.Path, at, body, "application/json", api.Administer)
		var e api.Error
		if err := json.Unmarshal(answer.Body.Bytes(), &e); err != nil || answer.Code != 404 || e.Code == api.NoSuchPath.Code {
			t.Errorf("%s %s: %d %s", op.Method, at, answer.Code, answer.Body)
		}
	}
	if seen < 15 {
		t.Errorf("%d operations name something", seen)
	}
}
