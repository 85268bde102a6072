package users

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"culvert/store"
)

// spoilt are what a record may be that cannot be read, by what its error says.
var spoilt = map[string]string{
	"":                      "is damaged",
	"{":                     "is damaged",
	"null":                  "is damaged",
	`{"v":99,"r":{}}`:       "has version 99",
	`{"v":1,"r":{"new":1}}`: "is damaged, or a newer version of this program wrote it",
}

// spoil puts a value in a record's place.
func spoil(t *testing.T, b *Book, value string, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if _, err := b.store.Get(t.Context(), key); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if _, err := b.store.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: []byte(value)}}}); err != nil {
			t.Fatal(err)
		}
	}
}

// peopled is a book with alice, who is staff and has a phone and a pad, and bob with a phone.
func peopled(t *testing.T) *Book {
	t.Helper()
	b, ctx, net := bookOf(t, nil), t.Context(), network{}
	must(t, b.AddGroup(ctx, Group{Name: "staff"}), b.AddUser(ctx, User{Name: "alice", Groups: []string{"staff"}}), b.AddUser(ctx, User{Name: "bob", Groups: []string{"staff"}}))
	must(t, add(t, b, "alice", "phone", Addresses{IPv4: "10.8.0.9", Network: net}), add(t, b, "alice", "pad", Addresses{}), add(t, b, "bob", "phone", Addresses{IPv4: "10.8.0.8", Network: net}))
	must(t, b.change(ctx, func(t *tx) error { return t.use("alice/phone", Usage{BytesIn: 5}) }))
	return b
}

// allKeys are all those of a store.
func allKeys(t *testing.T, b *Book) (all []string) {
	t.Helper()
	snap, err := b.store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range snap.Entries {
		all = append(all, e.Key)
	}
	return all
}

const ofBob = "addresses/10.8.0.8 certificates/phone.bob devices/bob/phone groups/staff users/bob"

// TestRemoveUnreadable: who cannot be read can be removed, with all that is theirs and
// nothing else.
func TestRemoveUnreadable(t *testing.T) {
	for value := range spoilt {
		for _, records := range [][]string{{"users/alice"}, {"devices/alice/phone"}, {"users/alice", "devices/alice/phone", "devices/alice/pad", "usage/alice/phone", "certificates/phone.alice"}, {"groups/staff"}} {
			b := peopled(t)
			spoil(t, b, value, records...)
			names, err := b.CommonNames(t.Context(), "alice", "")
			if slices.Sort(names); err != nil || !slices.Equal(names, []string{"pad.alice", "phone.alice"}) {
				t.Errorf("%q in %v: %q, %v", value, records, names, err)
			}
			removed, err := b.RemoveUser(t.Context(), "alice")
			if err != nil || len(removed) != 2 || removed[0].CommonName != "pad.alice" || removed[1].CommonName != "phone.alice" {
				t.Errorf("%q in %v: %v, %v", value, records, removed, err)
			}
			if left := strings.Join(allKeys(t, b), " "); left != ofBob {
				t.Errorf("%q in %v leaves %s", value, records, left)
			}
			if records[0] != "groups/staff" {
				must(t, b.AddUser(t.Context(), User{Name: "alice"}), add(t, b, "alice", "phone", Addresses{IPv4: "10.8.0.9", Network: network{}}))
			}
		}
	}
}

// TestRemoveUnreadableDevice: one device goes, and its user stays with the rest.
func TestRemoveUnreadableDevice(t *testing.T) {
	for value := range spoilt {
		for _, records := range [][]string{{"devices/alice/phone"}, {"devices/alice/phone", "users/alice"}, {"usage/alice/phone"}, {"certificates/phone.alice"}} {
			b := peopled(t)
			spoil(t, b, value, records...)
			if names, err := b.CommonNames(t.Context(), "alice", "phone"); err != nil || !slices.Equal(names, []string{"phone.alice"}) {
				t.Errorf("%q in %v: %q, %v", value, records, names, err)
			}
			if err := b.RemoveDevice(t.Context(), "alice", "phone"); err != nil {
				t.Errorf("%q in %v: %v", value, records, err)
			}
			left := slices.DeleteFunc(allKeys(t, b), func(key string) bool { return strings.Contains(ofBob, key) || key == "usage/alice/-" })
			if got := strings.Join(left, " "); got != "certificates/pad.alice devices/alice/pad users/alice" {
				t.Errorf("%q in %v leaves %s", value, records, got)
			}
		}
	}
	b := peopled(t)
	if _, err := b.CommonNames(t.Context(), "alice", "fone"); !errors.As(err, new(*UnknownError)) {
		t.Error(err)
	}
	if _, err := b.CommonNames(t.Context(), "alcie", ""); !errors.As(err, new(*UnknownError)) {
		t.Error(err)
	}
}

// TestManyUnreadable: more devices than one transaction removes.
func TestManyUnreadable(t *testing.T) {
	b := bookOf(t, nil)
	must(t, b.AddUser(t.Context(), User{Name: "alice"}))
	for i := range 2*devicesAtOnce + 1 {
		must(t, add(t, b, "alice", fmt.Sprint("d", i), Addresses{}))
	}
	spoil(t, b, "{", "users/alice", "devices/alice/d7", "devices/alice/d200")
	removed, err := b.RemoveUser(t.Context(), "alice")
	if left := allKeys(t, b); err != nil || len(removed) != 2*devicesAtOnce+1 || len(left) > 0 {
		t.Errorf("%d, %v; %q", len(removed), err, left)
	}
}

// TestUnreadableGroup: one that cannot be read is removed with its memberships; to add one
// of its name takes nobody out of it, who could sign in without what it requires.
func TestUnreadableGroup(t *testing.T) {
	for value := range spoilt {
		b := peopled(t)
		spoil(t, b, value, "groups/staff")
		says(t, b.AddGroup(t.Context(), Group{Name: "staff"}), "culvert group remove staff --dir D")
		if u := read1(t, b, "alice"); !slices.Equal(u.Groups, []string{"staff"}) {
			t.Fatalf("%q: alice is in %q", value, u.Groups)
		}
		if n, err := b.RemoveGroup(t.Context(), "staff"); n != 2 || err != nil {
			t.Errorf("%q: %d, %v", value, n, err)
		}
		if u := read1(t, b, "alice"); len(u.Groups) > 0 {
			t.Errorf("%q: alice is in %q", value, u.Groups)
		}
		must(t, b.AddGroup(t.Context(), Group{Name: "staff"}))
	}
	b := peopled(t)
	must(t, b.ChangeGroup(t.Context(), Everyone, func(*Group) error { return nil }))
	if _, err := b.RemoveGroup(t.Context(), Everyone); err == nil {
		t.Error("everyone was removed")
	}
	spoil(t, b, "{", "groups/everyone")
	says(t, b.ChangeGroup(t.Context(), Everyone, func(*Group) error { return nil }), "culvert group remove everyone --dir D")
	if _, err := b.RemoveGroup(t.Context(), Everyone); err != nil {
		t.Error(err)
	}
	must(t, b.ChangeGroup(t.Context(), Everyone, func(*Group) error { return nil }))
}

// read1 is a user's record.
func read1(t *testing.T, b *Book, name string) *User {
	t.Helper()
	u, err := get[User](b.begin(t.Context()), usersPrefix+name, userVersion)
	if err != nil || u == nil {
		t.Fatal(u, err)
	}
	return u
}

// TestUnreadableSays: what cannot be read is named with what mends it, and the rest is there.
func TestUnreadableSays(t *testing.T) {
	for value, what := range spoilt {
		b := peopled(t)
		spoil(t, b, value, "users/alice", "devices/alice/phone", "groups/staff", "addresses/10.8.0.9", "usage/alice/phone")
		var errs []error
		note := func(err error) { errs = append(errs, err) }
		v, err := b.Read(t.Context(), note)
		must(t, err)
		_, err = b.Usages(t.Context(), "", note)
		must(t, err)
		text := fmt.Sprint(errs)
		for _, want := range []string{
			"record users/alice " + what, "culvert user remove alice --dir D", "culvert device remove phone --user alice --dir D", "culvert group remove staff --dir D",
			"record addresses/10.8.0.9 " + what, "record usage/alice/phone " + what, "culvert export --dir D",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%q: %s\nexpected %q", value, text, want)
			}
		}
		if len(errs) != 5 || v.User("bob") == nil || v.ByAddress(netip.MustParseAddr("10.8.0.8")) == nil || v.Device("alice", "pad") == nil {
			t.Errorf("%q: %d faults, and not the rest", value, len(errs))
		}
		_, _, err = b.User(t.Context(), "alice")
		says(t, err, "culvert user remove alice --dir D")
		says(t, b.ChangeUser(t.Context(), "alice", func(*User) error { return nil }), "culvert user remove alice --dir D")
		says(t, b.AddUser(t.Context(), User{Name: "alice"}), "culvert user remove alice --dir D")
	}
}
