package signin

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/access/password"
	"culvert/access/users"
	"culvert/store"
	"culvert/store/memory"
)

// world is a store with a checker.
type world struct {
	t     *testing.T
	store store.Store
	*Checker
}

// quick is the work of a password in tests.
var quick = password.Params{Memory: 64, Passes: 1, Threads: 1}

func hash(t *testing.T, text string) string {
	t.Helper()
	h, err := password.Hash(rand.Reader, text, quick)
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// newWorld has some records, and a checker that asks sources besides Local.
func newWorld(t *testing.T, records map[string]any, sources ...auth.Source) *world {
	t.Helper()
	w := &world{t: t, store: memory.New()}
	for key, record := range records {
		w.put(key, record)
	}
	ctx, cancel := context.WithCancel(context.Background())
	d, err := users.Open(ctx, w.store, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	followed := make(chan error, 1)
	go func() { followed <- d.Follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-followed; err != nil {
			t.Error(err)
		}
	})
	book := users.NewBook(w.store, time.Now)
	local, err := NewLocal(d, book, rand.Reader, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	local.params, local.nobody.Params = quick, quick
	w.Checker = New(Options{Store: w.store, Records: book, Directory: d, Sources: append([]auth.Source{local}, sources...), Issuer: "vpn"})
	return w
}

func (w *world) put(key string, record any) {
	w.t.Helper()
	value, err := store.Encode(1, record)
	if err == nil {
		_, err = w.store.Commit(context.Background(), store.Txn{Put: []store.Put{{Key: key, Value: value}}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// user returns a user as the store has it.
func (w *world) user(name string) (u users.User) {
	w.t.Helper()
	e, err := w.store.Get(context.Background(), "users/"+name)
	if err == nil {
		_, err = store.Decode(e, 1, &u)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return u
}

// client is a client's request.
func client(commonName, user, pass string, more ...func(*auth.Request)) *auth.Request {
	r := &auth.Request{CommonName: commonName, Username: user, Password: pass, Source: netip.MustParsePrefix("198.51.100.7/32"), Env: new(hooks.Env)}
	for _, f := range more {
		f(r)
	}
	return r
}

func at(place string) func(*auth.Request) {
	return func(r *auth.Request) { r.Source = netip.MustParsePrefix(place) }
}

func able(methods ...string) func(*auth.Request) {
	return func(r *auth.Request) { r.Methods = methods }
}

// check asks the checker about a client that is told nothing meanwhile.
func (w *world) check(r *auth.Request) auth.Verdict {
	w.t.Helper()
	return w.Check(context.Background(), r, func(p auth.Pending) { w.t.Errorf("pending: %+v", p) })
}

// said is a verdict in short: who is in, or why not.
func said(v auth.Verdict) string {
	switch {
	case v.OK && v.Remember:
		return "in as " + v.User + ", remembered"
	case v.OK:
		return "in as " + v.User
	}
	return v.Reason
}

// people are records that many tests use.
func people(t *testing.T) map[string]any {
	secret := []byte("12345678901234567890")
	return map[string]any{
		"users/alice":              users.User{Name: "alice", Password: hash(t, "correct horse")},
		"devices/alice/phone":      users.Device{User: "alice", Name: "phone", CommonName: "phone.alice"},
		"certificates/phone.alice": "alice/phone",
		"users/bert":               users.User{Name: "bert"},
		"devices/bert/laptop":      users.Device{User: "bert", Name: "laptop", CommonName: "laptop.bert"},
		"certificates/laptop.bert": "bert/laptop",
		"users/cleo":               users.User{Name: "cleo", Password: hash(t, "battery staple"), TOTP: &users.TOTP{Secret: secret, Confirmed: true}, Groups: []string{"staff"}},
		"devices/cleo/phone":       users.Device{User: "cleo", Name: "phone", CommonName: "phone.cleo"},
		"certificates/phone.cleo":  "cleo/phone",
		"groups/staff":             users.Group{Name: "staff", Require: []users.Way{{users.Password, users.Code}}},
		"users/dora":               users.User{Name: "dora", Password: hash(t, "dora's words"), Groups: []string{"staff"}},
		"users/emil":               users.User{Name: "emil", Password: hash(t, "emil's words"), Disabled: true},
		"devices/emil/phone":       users.Device{User: "emil", Name: "phone", CommonName: "phone.emil"},
		"certificates/phone.emil":  "emil/phone",
	}
}

var start = time.Unix(1_800_000_000, 0)
