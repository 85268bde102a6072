package users

import (
	"context"
	"testing"
	"time"

	"culvert/store"
	"culvert/store/memory"
)

func put(t *testing.T, s store.Store, key string, record any) {
	t.Helper()
	value, err := store.Encode(1, record)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(context.Background(), store.Txn{Put: []store.Put{{Key: key, Value: value}}}); err != nil {
		t.Fatal(err)
	}
}

func TestStanding(t *testing.T) {
	s, now := memory.New(), time.Unix(1e9, 0)
	put(t, s, "users/alice", User{Name: "alice", Groups: []string{"staff"}})
	put(t, s, "users/bob", User{Name: "bob", Expires: now})
	put(t, s, "groups/everyone", Group{Name: Everyone})
	put(t, s, "groups/staff", Group{Name: "staff"})
	put(t, s, "devices/alice/phone", Device{User: "alice", Name: "phone", CommonName: "phone.alice"})
	put(t, s, "certificates/phone.alice", "alice/phone")
	d, err := Open(context.Background(), s, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ cn, user, want string }{
		{"phone.alice", "", ""},
		{"phone.alice", "alice", ""},
		{"phone.alice", "bob", "user bob expired on 2001-09-09"},
		{"", "alice", ""},
		{"", "nobody", ""},
	} {
		got := ""
		if err := d.View().Standing(test.cn, test.user).Barred(now); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%v: %q, want %q", test, got, test.want)
		}
	}
	if g := d.View().Standing("phone.alice", "").Groups; len(g) != 2 || g[0].Name != "staff" || g[1].Name != Everyone {
		t.Errorf("alice's groups: %v", g)
	}
}
