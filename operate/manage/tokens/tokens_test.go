package tokens

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"culvert/operate/manage/api"
	"culvert/store"
	"culvert/store/memory"
)

var epoch = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func fails(t *testing.T) func(error) { return func(err error) { t.Error(err) } }

// TestTokens: a token is good from when it is made until it ends or is removed, and nothing in
// the store can be shown in its place.
func TestTokens(t *testing.T) {
	s, ctx := memory.New(), t.Context()
	made, secret, err := Add(ctx, s, epoch, "backup-job", api.Read, epoch.Add(time.Hour), "root")
	if err != nil || made.Scope != api.Read || made.By != "root" || !made.Expires.Equal(epoch.Add(time.Hour)) {
		t.Fatalf("%+v, %v", made, err)
	}
	_, other, err := Add(ctx, s, epoch, "other", api.Administer, time.Time{}, "root")
	if err != nil || len(secret) != len("culvert_")+43+len("_backup-job") || other[:50] == secret[:50] {
		t.Fatalf("%s, %s, %v", secret, other, err)
	}
	if r, err := find(ctx, s, epoch.Add(time.Hour-time.Second), secret); err != nil || r.Name != "backup-job" || r.Scope != api.Read {
		t.Errorf("%+v, %v", r, err)
	}
	e, err := s.Get(ctx, Prefix+"backup-job")
	if err != nil || bytes.Contains(e.Value, []byte(secret[8:51])) {
		t.Errorf("the store has the token: %s, %v", e.Value, err)
	}
	mixed := other[:51] + "_backup-job"
	for what, token := range map[string]string{"nothing": "", "hash": "culvert_" + hashOf(e)[:43] + "_backup-job", "of another": mixed, "cut": secret[:len(secret)-1], "longer": secret + "x", "no name": secret[:51]} {
		if _, err := find(ctx, s, epoch, token); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := find(ctx, s, epoch.Add(time.Hour), secret); !errors.Is(err, ErrUnknown) {
		t.Errorf("it has ended: %v", err)
	}
	if all, err := List(ctx, s, fails(t)); err != nil || len(all) != 2 || all[0].Name != "backup-job" || all[1].Expires != nil {
		t.Errorf("%+v, %v", all, err)
	}
	if err := Remove(ctx, s, "backup-job"); err != nil {
		t.Error(err)
	}
	if _, err := find(ctx, s, epoch, secret); !errors.Is(err, ErrUnknown) {
		t.Errorf("it was removed: %v", err)
	}
	for _, name := range []string{"backup-job", "", "a/b", strings.Repeat("x", 600)} {
		if err := Remove(ctx, s, name); !errors.Is(err, ErrNone) {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}

// TestRefusedTokens: names are taken once, and what cannot be a token is not made.
func TestRefusedTokens(t *testing.T) {
	s, ctx := memory.New(), t.Context()
	for _, c := range []struct {
		name    string
		scope   api.Scope
		expires time.Time
		want    error
	}{
		{"a", api.Read, time.Time{}, nil}, {"a", api.Read, time.Time{}, ErrExists}, {"", api.Read, time.Time{}, ErrName}, {"a b", api.Read, time.Time{}, ErrName},
		{"../x", api.Read, time.Time{}, ErrName}, {strings.Repeat("x", 65), api.Read, time.Time{}, ErrName}, {"b", api.Read, epoch, ErrOver},
	} {
		if _, _, err := Add(ctx, s, epoch, c.name, c.scope, c.expires, ""); !errors.Is(err, c.want) {
			t.Errorf("%q: %v", c.name, err)
		}
	}
	if _, _, err := Add(ctx, s, epoch, "c", "all", time.Time{}, ""); err == nil {
		t.Error("a scope that is none")
	}
	if _, err := s.Commit(ctx, store.Txn{Put: []store.Put{{Key: Prefix + "bad", Value: []byte("{}")}}}); err != nil {
		t.Fatal(err)
	}
	unread := 0
	if all, err := List(ctx, s, func(error) { unread++ }); err != nil || len(all) != 1 || unread != 1 {
		t.Errorf("%+v, %v, %d not read", all, err, unread)
	}
	for i := range Most - 2 {
		value, err := store.Encode(version, record{Name: "x"})
		if err == nil {
			_, err = s.Commit(ctx, store.Txn{Put: []store.Put{{Key: Prefix + "x" + strings.Repeat("y", i%50) + string(rune('a'+i/50)), Value: value}}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := Add(ctx, s, epoch, "one-more", api.Read, time.Time{}, ""); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more than are kept: %v", err)
	}
}

// TestClean: what is no token is told from one that was cut or changed, and never repeated.
func TestClean(t *testing.T) {
	whole := text(secret{1, 2, 3}, "backup-job")
	if got, err := Clean([]byte("\t" + whole + "\n")); err != nil || got != whole {
		t.Errorf("%q, %v", got, err)
	}
	for held, want := range map[string]string{
		" \n": "there is no token", "s3cr3t": "no token, which begins with culvert_", whole[:40]: "cut short", whole[:52]: "cut short",
		whole + "\n" + whole: "more than one", whole[:20] + "\n" + whole[20:]: "more than one", whole[:20] + "!" + whole[21:]: "was changed", whole + "/x": "was changed",
	} {
		_, err := Clean([]byte(held))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "culvert token add") || strings.Contains(err.Error(), whole[10:20]) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%q: %v, expected %q", held, err, want)
		}
	}
}

// FuzzToken: what is taken for a token is what text writes, and a header is read without panic.
func FuzzToken(f *testing.F) {
	f.Add("Bearer " + text(secret{1, 2, 3}, "backup-job"))
	f.Add("bearer  culvert_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_x")
	f.Add("Basic YTpi")
	f.Add("Bearer culvert_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB_x")
	f.Fuzz(func(t *testing.T, header string) {
		token, shown := bearer(http.Header{"Authorization": {header}})
		if !shown {
			return
		}
		random, name, ok := parse(token)
		if ok && text(random, name) != token {
			t.Errorf("%q is read as %q", token, text(random, name))
		}
		clean, err := Clean([]byte(" " + token + "\n"))
		if (err == nil) != ok || ok && clean != token {
			t.Errorf("%q: %q, %v", token, clean, err)
		}
		if two := (http.Header{"Authorization": {header, header}}); ok {
			if _, shown := bearer(two); shown {
				t.Error("two headers are one")
			}
		}
	})
}
