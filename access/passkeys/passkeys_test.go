package passkeys

import (
	"testing"
	"time"

	"culvert/store"
	"culvert/store/memory"
)

// TestDrop: a passkey is removed by whose it is alone, and not by another of the same name.
func TestDrop(t *testing.T) {
	s := memory.New()
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, p := range []Passkey{
		{User: "alice", Since: since, Name: "later", Created: since.Add(2 * time.Hour)},
		{User: "alice", Since: since, Name: "first", Created: since.Add(time.Hour)},
		{User: "alice", Since: since.Add(-time.Hour), Name: "of a former alice"},
		{User: "bob", Since: since, Name: "of bob"},
		{Name: "of root"},
	} {
		p.ID = []byte{byte(i)}
		value, err := store.Encode(Version, p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: Key(p.ID), Value: value}}}); err != nil {
			t.Fatal(err)
		}
	}
	names := func(user string) (all string) {
		own, err := Of(t.Context(), s, user, since)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range own {
			all += p.Name + ";"
		}
		return all
	}
	if got := names("alice"); got != "first;later;" {
		t.Errorf("alice has %q", got)
	}
	for i := 2; i < 5; i++ {
		if _, ok, err := Drop(t.Context(), s, "alice", since, Digest([]byte{byte(i)})); ok || err != nil {
			t.Errorf("passkey %d went as one of alice's: %v", i, err)
		}
	}
	if name, ok, err := Drop(t.Context(), s, "alice", since, Digest([]byte{1})); name != "first" || !ok || err != nil {
		t.Errorf("%q, %v, %v", name, ok, err)
	}
	if got := names("alice") + names("bob") + names(""); got != "later;of bob;of root;" {
		t.Errorf("left are %q", got)
	}
}
