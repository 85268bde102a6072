package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/history/track"
	"culvert/operate/manage/api"
	"culvert/operate/manage/tokens"
	"culvert/operate/orders"
	"culvert/role/server"
	"culvert/store"
)

// refusal is an operation that is asked for, and has to be refused with a code of its own.
type refusal struct {
	wish
	code string
}

// refuse asks for operations, and notes with which codes they were refused.
func (k *contract) refuse(t *testing.T, seen map[string]bool, all []refusal) {
	t.Helper()
	k.waits = true
	defer func() { k.waits = false }()
	for _, r := range all {
		answer := k.send(t, "to be refused", r.wish)
		var e api.Error
		if err := json.Unmarshal(answer.Body.Bytes(), &e); err != nil || e.Code != r.code {
			t.Errorf("%s %s %s: %d %s, expected %s", r.op, r.at, r.body, answer.Code, answer.Body, r.code)
		}
		seen[r.op+" "+e.Code] = true
	}
}

// peopled is a server with alice of staff and her phone, bob who is shut out, and a token.
func peopled(t *testing.T, change func(kinds map[string]orders.Work)) *contract {
	t.Helper()
	k := staffed(t, change)
	for _, w := range []wish{
		{"POST /v1/groups", "", `{"name":"staff","max_devices":1}`},
		{"POST /v1/users", "", `{"name":"alice","groups":["staff"]}`},
		{"POST /v1/users", "", `{"name":"bob","disabled":true}`},
		{"POST /v1/users", "", `{"name":"carol"}`},
		{"POST /v1/users", "", `{"name":"gone.carol"}`},
		{"POST /v1/devices", "", `{"user":"alice","name":"phone","ipv4":"10.8.0.9"}`},
		{"POST /v1/devices", "", `{"user":"carol","name":"gone"}`},
		{"POST /v1/tokens", "", `{"name":"backup","scope":"read"}`},
	} {
		k.grant(t, map[string]bool{}, w)
	}
	return k
}

// TestRefused: each operation is refused with each code that the document has for it alone, and what it
// is refused with then fits the document.
func TestRefused(t *testing.T) {
	seen := make(map[string]bool)
	k := peopled(t, nil)
	k.refuse(t, seen, ofNames)
	k.refuse(t, seen, ofValues)
	full(t, k, seen)
	k.grant(t, map[string]bool{}, wish{"POST /v1/devices/{common_name}/renew", "phone.alice", `{"revoke_old":true}`})
	revokeAll(t, k, seen)

	k = peopled(t, nil)
	for _, key := range []string{"users/alice", "devices/carol/gone", "groups/staff"} {
		if _, err := k.store.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: []byte("{")}}}); err != nil {
			t.Fatal(err)
		}
	}
	k.refuse(t, seen, ofDamage)

	k = peopled(t, nil)
	if err := os.Remove(filepath.Join(k.dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	k.refuse(t, seen, refusedAll("key-unavailable", signing))
	k = peopled(t, func(kinds map[string]orders.Work) {
		for _, w := range kinds {
			if w.Pace != nil {
				w.Pace.Burst = 2 // which peopled needs
			}
		}
	})
	k.refuse(t, seen, refusedAll("too-many", signing[:2]))
	synctest.Test(t, func(t *testing.T) {
		refuseWithout(t, seen)
		refuseElsewhere(t, seen)
	})
	for _, op := range append(k.api.Ops(), contractOf(t, "client").api.Ops()...) {
		for _, kind := range op.Errors {
			if name := op.Method + " " + op.Path; !seen[name+" "+kind.Code] {
				t.Errorf("%s is refused with %s nowhere here", name, kind.Code)
			}
		}
	}
}

// ofNames asks peopled's server for what it does not have, or has.
var ofNames = []refusal{
	{wish{"GET /v1/users/{name}", "nobody", ""}, "unknown-user"},
	{wish{"PATCH /v1/users/{name}", "nobody", `{"disabled":true}`}, "unknown-user"},
	{wish{"DELETE /v1/users/{name}", "nobody", ""}, "unknown-user"},
	{wish{"PUT /v1/users/{name}/password", "nobody", `{"password":null}`}, "unknown-user"},
	{wish{"POST /v1/users/{name}/totp", "nobody", `{"step":"begin"}`}, "unknown-user"},
	{wish{"GET /v1/users/{name}/passkeys", "nobody", ""}, "unknown-user"},
	{wish{"DELETE /v1/users/{name}/passkeys/{id}", "nobody 00", ""}, "unknown-user"},
	{wish{"DELETE /v1/users/{name}/passkeys/{id}", "alice 00", ""}, "unknown-passkey"},
	{wish{"POST /v1/users", "", `{"name":"alice"}`}, "exists"},
	{wish{"POST /v1/users", "", `{"name":"Alice"}`}, "name-alike"},
	{wish{"POST /v1/users", "", `{"name":"dave","groups":["nobody"]}`}, "unknown-group"},
	{wish{"PATCH /v1/users/{name}", "alice", `{"groups":["nobody"]}`}, "unknown-group"},
	{wish{"GET /v1/devices/{common_name}", "phone.nobody", ""}, "unknown-user"},
	{wish{"GET /v1/devices/{common_name}", "pad.alice", ""}, "unknown-device"},
	{wish{"GET /v1/devices/{common_name}", "nobody", ""}, "unknown-device"},
	{wish{"PATCH /v1/devices/{common_name}", "phone.nobody", `{"disabled":true}`}, "unknown-user"},
	{wish{"PATCH /v1/devices/{common_name}", "pad.alice", `{"disabled":true}`}, "unknown-device"},
	{wish{"DELETE /v1/devices/{common_name}", "phone.nobody", ""}, "unknown-user"},
	{wish{"DELETE /v1/devices/{common_name}", "pad.alice", ""}, "unknown-device"},
	{wish{"DELETE /v1/devices/{common_name}", "nobody", ""}, "unknown-device"},
	{wish{"POST /v1/devices/{common_name}/renew", "phone.nobody", `{}`}, "unknown-user"},
	{wish{"POST /v1/devices/{common_name}/renew", "pad.alice", `{}`}, "unknown-device"},
	{wish{"POST /v1/devices/{common_name}/renew", "nobody", `{}`}, "unknown-device"},
	{wish{"POST /v1/devices", "", `{"user":"nobody","name":"phone"}`}, "unknown-user"},
	{wish{"POST /v1/devices", "", `{"user":"alice","name":"phone"}`}, "exists"},
	{wish{"POST /v1/devices", "", `{"user":"alice","name":"pad"}`}, "too-many-devices"},
	{wish{"POST /v1/devices", "", `{"user":"carol","name":"pad","ipv4":"10.8.0.9"}`}, "address-taken"},
	{wish{"POST /v1/devices", "", `{"user":"bob","name":"phone"}`}, "barred"},
	{wish{"POST /v1/revoke", "", `{"name":"nobody"}`}, "unknown-name"},
	{wish{"POST /v1/revoke", "", `{"name":"gone.carol"}`}, "ambiguous-name"},
	{wish{"POST /v1/revoke", "", `{"name":"bob"}`}, "nothing-to-revoke"},
	{wish{"GET /v1/groups/{name}", "nobody", ""}, "unknown-group"},
	{wish{"PATCH /v1/groups/{name}", "nobody", `{"require":null}`}, "unknown-group"},
	{wish{"PATCH /v1/groups/{name}", "staff", `{"add":["nobody"]}`}, "unknown-user"},
	{wish{"DELETE /v1/groups/{name}", "nobody", ""}, "unknown-group"},
	{wish{"POST /v1/groups", "", `{"name":"staff"}`}, "exists"},
	{wish{"POST /v1/tokens", "", `{"name":"backup","scope":"read"}`}, "exists"},
	{wish{"DELETE /v1/tokens/{name}", "nobody", ""}, "not-found"},
	{wish{"GET /v1/history/sessions/{id}", "nobody", ""}, "not-found"},
	{wish{"GET /v1/sessions/{number}", "99", ""}, "not-found"},
	{wish{"GET /v1/capture", "?at=nowhere", ""}, "not-found"},
	{wish{"GET /v1/logs", "?subsystem=nowhere", ""}, "not-found"},
	{wish{"GET /v1/logs/page", "?subsystem=nowhere", ""}, "not-found"},
	{wish{"PUT /v1/logs/levels", "", `{"levels":{"nowhere":"debug"}}`}, "not-found"},
}

// ofValues asks it for what cannot be so.
var ofValues = []refusal{
	{wish{"POST /v1/users", "", `{"name":"two words"}`}, "invalid"},
	{wish{"POST /v1/users", "", `{"name":"dave","password":"short"}`}, "invalid"},
	{wish{"PATCH /v1/users/{name}", "alice", `{"limits":{"hours":"at night"}}`}, "invalid"},
	{wish{"PUT /v1/users/{name}/password", "alice", `{"password":"short"}`}, "invalid"},
	{wish{"POST /v1/users/{name}/totp", "alice", `{"step":"confirm","code":"123456"}`}, "invalid"},
	{wish{"POST /v1/devices", "", `{"user":"carol","name":"Pad of mine"}`}, "invalid"},
	{wish{"POST /v1/devices", "", `{"user":"carol","name":"pad","ipv4":"192.0.2.1"}`}, "invalid"},
	{wish{"POST /v1/devices", "", `{"user":"carol","name":"pad","link":"soon"}`}, "invalid"},
	{wish{"POST /v1/devices", "", `{"user":"carol","name":"pad","expires":"2020-01-01T00:00:00Z"}`}, "invalid"},
	{wish{"POST /v1/devices/{common_name}/renew", "phone.alice", `{"link":"soon"}`}, "invalid"},
	{wish{"PATCH /v1/devices/{common_name}", "phone.alice", `{"limits":{"up":"much"}}`}, "invalid"},
	{wish{"POST /v1/groups", "", `{"name":"ours","require":"a smile"}`}, "invalid"},
	{wish{"PATCH /v1/groups/{name}", "staff", `{"require":"a smile"}`}, "invalid"},
	{wish{"GET /v1/history/sessions", "?address=nowhere", ""}, "bad-request"},
	{wish{"GET /v1/history/days", "?from=tuesday", ""}, "bad-request"},
	{wish{"GET /v1/trace", "?filter=what+is", ""}, "bad-request"},
	{wish{"GET /v1/events", "?after=tuesday", ""}, "bad-request"},
}

// ofDamage asks a server for records that cannot be read: those of alice, of carol's gone and of staff.
var ofDamage = []refusal{
	{wish{"GET /v1/users/{name}", "alice", ""}, "unreadable-record"},
	{wish{"POST /v1/users", "", `{"name":"alice"}`}, "unreadable-record"},
	{wish{"PATCH /v1/users/{name}", "alice", `{"disabled":true}`}, "unreadable-record"},
	{wish{"PUT /v1/users/{name}/password", "alice", `{"password":null}`}, "unreadable-record"},
	{wish{"POST /v1/users/{name}/totp", "alice", `{"step":"begin"}`}, "unreadable-record"},
	{wish{"GET /v1/users/{name}/passkeys", "alice", ""}, "unreadable-record"},
	{wish{"DELETE /v1/users/{name}/passkeys/{id}", "alice 00", ""}, "unreadable-record"},
	{wish{"GET /v1/devices/{common_name}", "gone.carol", ""}, "unreadable-record"},
	{wish{"PATCH /v1/devices/{common_name}", "gone.carol", `{"disabled":true}`}, "unreadable-record"},
	{wish{"POST /v1/devices", "", `{"user":"carol","name":"gone"}`}, "unreadable-record"},
	{wish{"POST /v1/devices/{common_name}/renew", "gone.carol", `{}`}, "unreadable-record"},
	{wish{"GET /v1/groups/{name}", "staff", ""}, "unreadable-record"},
	{wish{"POST /v1/groups", "", `{"name":"staff"}`}, "unreadable-record"},
	{wish{"PATCH /v1/groups/{name}", "staff", `{"require":null}`}, "unreadable-record"},
}

// signing is what needs the authority's key; of its first, only so many are carried out in a time.
var signing = []wish{
	{"POST /v1/devices", "", `{"user":"carol","name":"pad"}`},
	{"POST /v1/devices/{common_name}/renew", "phone.alice", `{}`},
	{"DELETE /v1/devices/{common_name}", "phone.alice", ""},
	{"DELETE /v1/users/{name}", "alice", ""},
	{"POST /v1/revoke", "", `{"name":"carol"}`},
}

// directory is what needs the server's directory.
var directory = append([]wish{
	{"GET /v1/certificates", "", ""}, {"GET /v1/audit", "", ""}, {"GET /v1/health", "", ""},
}, signing...)

func refusedAll(code string, wishes []wish) (all []refusal) {
	for _, w := range wishes {
		all = append(all, refusal{w, code})
	}
	return all
}

// full makes as many tokens as are kept, and asks for one more.
func full(t *testing.T, k *contract, seen map[string]bool) {
	t.Helper()
	const op = "POST /v1/tokens"
	for i := 1; i < tokens.Most; i++ {
		k.grant(t, map[string]bool{}, wish{op, "", fmt.Sprintf(`{"name":"t%d","scope":"read"}`, i)})
	}
	k.refuse(t, seen, []refusal{{wish{op, "", `{"name":"more","scope":"read"}`}, "too-many-tokens"}})
}

// revokeAll asks for profiles of those who were revoked, or are shut out.
func revokeAll(t *testing.T, k *contract, seen map[string]bool) {
	t.Helper()
	const renew = "POST /v1/devices/{common_name}/renew"
	k.grant(t, map[string]bool{}, wish{"PATCH /v1/users/{name}", "alice", `{"disabled":true}`})
	k.refuse(t, seen, []refusal{{wish{renew, "phone.alice", `{}`}, "barred"}})
	k.grant(t, map[string]bool{}, wish{"POST /v1/revoke", "", `{"name":"alice"}`})
	k.refuse(t, seen, []refusal{{wish{renew, "phone.alice", `{}`}, "was-revoked"}})
}

// refuseWithout asks a server that has neither a registrar nor a policy, nor what it goes by.
func refuseWithout(t *testing.T, seen map[string]bool) {
	k := contractOf(t, "server")
	k.refuse(t, seen, refusedAll("no-registrar", directory))
	k.book.Close()
	k.refuse(t, seen, refusedAll("history-not-open", []wish{{"GET /v1/history/sessions", "", ""}, {"GET /v1/history/sessions/{id}", track.ID(time.Now(), 1), ""}, {"GET /v1/history/days", "", ""}}))
	k.refuse(t, seen, refusedAll("unsupported", []wish{
		{"GET /v1/policy", "", ""}, {"POST /v1/policy/check", "", `{"questions":[]}`},
		{"GET /v1/configuration", "", ""}, {"GET /v1/routes", "", ""}, {"GET /v1/servers", "", ""},
		{"POST /v1/push-update", "", `{"all":true,"options":["-route"]}`}, // as a fake without Update
		{"POST /v1/disconnect", "", ""}, {"POST /v1/reconnect", "", ""}, {"POST /v1/use", "", `{"remote":"1"}`},
	}))
}

// unwilling fails whatever it is asked for.
type unwilling struct {
	steered
	err error
}

func (u unwilling) Disconnect(uint64, string) error { return u.err }

func (u unwilling) Reconnect(context.Context) (backend.Used, error) { return backend.Used{}, u.err }

func (u unwilling) Use(context.Context, string) (backend.Used, error) { return backend.Used{}, u.err }

// refuseElsewhere asks roles that cannot do what they are asked, or fail to.
func refuseElsewhere(t *testing.T, seen map[string]bool) {
	by := func(err error) *contract {
		return contractBy(t, "client", func(b *backendtest.Fake, c *config.Config) backend.Backend {
			return unwilling{steered{explained{b, c}}, err}
		})
	}
	const away = "DELETE /v1/sessions/{number}"
	by(backend.ErrUnsupported).refuse(t, seen, refusedAll("unsupported", []wish{{away, "7", ""}}))
	by(server.ErrNoClient).refuse(t, seen, refusedAll("not-found", []wish{{away, "7", ""}}))
	failing := by(errors.New("there is no such remote"))
	failing.refuse(t, seen, refusedAll("conflict", []wish{{"POST /v1/reconnect", "", ""}, {"POST /v1/use", "", `{"remote":"9"}`}}))
	failing.refuse(t, seen, refusedAll("bad-request", []wish{{away, "7", ""}}))
}
