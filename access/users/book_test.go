package users

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"culvert/store"
	"culvert/store/memory"
)

var then = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func bookOf(t testing.TB, s store.Store) *Book {
	if s == nil {
		s = memory.New()
	}
	return NewBook(s, func() time.Time { return then })
}

// read is all that a book has.
func read(t testing.TB, b *Book) *View {
	t.Helper()
	d, err := Open(context.Background(), b.store, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return d.View()
}

// must ends the test if any fails.
func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// says fails the test if an error does not say something.
func says(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v: expected %q", err, want)
	}
}

func add(t testing.TB, b *Book, user, device string, a Addresses) error {
	t.Helper()
	_, err := b.AddDevice(context.Background(), Device{User: user, Name: device}, a)
	return err
}

// network is 10.8.0.0/24, whose clients have .2 to .254, from the end.
type network struct{}

func (network) Check(a netip.Addr) error {
	if !netip.MustParsePrefix("10.8.0.0/24").Contains(a) {
		return fmt.Errorf("%v is not in 10.8.0.0/24", a)
	}
	return nil
}

func (network) Addresses(ipv6 bool) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for n := byte(254); n > 1 && !ipv6 && yield(netip.AddrFrom4([4]byte{10, 8, 0, n})); n-- {
		}
	}
}

func TestUsers(t *testing.T) {
	b, ctx := bookOf(t, nil), t.Context()
	must(t, b.AddGroup(ctx, Group{Name: "staff"}), b.AddUser(ctx, User{Name: "alice", Groups: []string{"staff", Everyone, "staff"}}))
	says(t, b.AddUser(ctx, User{Name: "alice"}), "user alice exists already")
	says(t, b.AddUser(ctx, User{Name: "../alice"}), "expected 1 to 64 letters")
	says(t, b.AddUser(ctx, User{Name: "bob", Groups: []string{"stuff"}}), "there is no group \"stuff\"; did you mean staff?")
	says(t, b.AddUser(ctx, User{Name: "bob", FullName: "Bob\nAdmin"}), "without control characters")
	says(t, b.ChangeUser(ctx, "alcie", nil), "did you mean alice?")
	must(t, b.ChangeUser(ctx, "alice", func(u *User) error { u.Disabled, u.Name = true, "eve"; return nil }))
	u := read(t, b).User("alice")
	if u == nil || !u.Disabled || !slices.Equal(u.Groups, []string{"staff"}) || !u.Created.Equal(then) {
		t.Errorf("%+v", u)
	}
	why := errors.New("why")
	if err := b.ChangeUser(ctx, "alice", func(*User) error { return why }); err != why {
		t.Error(err)
	}
}

func TestGroups(t *testing.T) {
	b, ctx := bookOf(t, nil), t.Context()
	must(t, b.AddGroup(ctx, Group{Name: "staff"}), b.AddUser(ctx, User{Name: "alice"}), b.AddUser(ctx, User{Name: "bob"}))
	says(t, b.AddGroup(ctx, Group{Name: "staff"}), "group staff exists already")
	says(t, b.AddGroup(ctx, Group{Name: "ops", Require: []Way{{"pasword"}}}), `"pasword" is not a factor`)
	must(t, b.Members(ctx, "staff", []string{"alice", "bob"}, nil), b.Members(ctx, "staff", []string{"bob"}, []string{"alice"}))
	says(t, b.Members(ctx, "staff", []string{"eve"}, nil), "there is no user \"eve\"")
	says(t, b.Members(ctx, Everyone, []string{"bob"}, nil), "all users are in group everyone")
	if m := slices.Collect(read(t, b).Members("staff")); len(m) != 1 || m[0].Name != "bob" {
		t.Errorf("%v", m)
	}
	must(t, b.ChangeGroup(ctx, Everyone, func(g *Group) error { g.Require = []Way{{Certificate}}; return nil }))
	if n, err := b.RemoveGroup(ctx, "staff"); n != 1 || err != nil {
		t.Errorf("%d members, %v", n, err)
	}
	_, err := b.RemoveGroup(ctx, Everyone)
	says(t, err, "cannot be removed")
	v := read(t, b)
	if v.Group("staff") != nil || len(v.User("bob").Groups) != 0 || v.Group(Everyone) == nil {
		t.Errorf("%+v", v.User("bob"))
	}
}

// TestGroupCutShort: whoever was in a group whose removal did not end is not in another of
// its name.
func TestGroupCutShort(t *testing.T) {
	s := memory.New()
	b := bookOf(t, s)
	put(t, s, "users/alice", User{Name: "alice", Groups: []string{"admins", "staff"}})
	must(t, b.AddGroup(t.Context(), Group{Name: "admins"}))
	if u := read(t, b).User("alice"); !slices.Equal(u.Groups, []string{"staff"}) {
		t.Errorf("%v", u.Groups)
	}
}

func TestDevices(t *testing.T) {
	b, ctx := bookOf(t, nil), t.Context()
	must(t, b.AddUser(ctx, User{Name: "alice"}), b.AddUser(ctx, User{Name: strings.Repeat("x", 60)}), add(t, b, "alice", "phone", Addresses{}))
	says(t, add(t, b, "alice", "phone", Addresses{}), "device alice/phone exists already")
	says(t, add(t, b, "alise", "phone", Addresses{}), "did you mean alice?")
	says(t, add(t, b, "alice", "pad.two", Addresses{}), "small letters")
	says(t, add(t, b, strings.Repeat("x", 60), "phone", Addresses{}), "at most 64")
	if d := read(t, b).ByCommonName("phone.alice"); d == nil || d.Key() != "alice/phone" {
		t.Errorf("%+v", d)
	}
	says(t, b.RemoveDevice(ctx, "alice", "phobe"), "there is no device of alice \"phobe\"; did you mean phone?")
	must(t, b.RemoveDevice(ctx, "alice", "phone"))
	if v := read(t, b); v.ByCommonName("phone.alice") != nil || v.DeviceCount("alice") != 0 {
		t.Error("the device is there")
	}
}

func TestLimit(t *testing.T) {
	b, ctx := bookOf(t, nil), t.Context()
	none, one, two := 0, 1, 2
	must(t, b.AddGroup(ctx, Group{Name: "a", MaxDevices: &two}), b.AddGroup(ctx, Group{Name: "b", MaxDevices: &one}), b.AddGroup(ctx, Group{Name: Everyone, MaxDevices: &none}),
		b.AddUser(ctx, User{Name: "alice", Groups: []string{"b", "a"}}), b.AddUser(ctx, User{Name: "bob"}), b.AddUser(ctx, User{Name: "carl", MaxDevices: &one}))
	must(t, add(t, b, "alice", "one", Addresses{}), add(t, b, "alice", "two", Addresses{}), add(t, b, "carl", "one", Addresses{}))
	says(t, add(t, b, "alice", "three", Addresses{}), "alice has 2 devices, and group a allows 2")
	says(t, add(t, b, "bob", "one", Addresses{}), "bob has 0 devices, and group everyone allows 0")
	says(t, add(t, b, "carl", "two", Addresses{}), "the user's record allows 1")
	many := -1
	says(t, b.AddUser(ctx, User{Name: "eve", MaxDevices: &many}), "expected 0 to 1000")
}

// TestLimitHolds for devices that are added at the same time, which is tried until each is
// added or refused.
func TestLimitHolds(t *testing.T) {
	b, limit := bookOf(t, nil), 5
	must(t, b.AddUser(t.Context(), User{Name: "alice", MaxDevices: &limit}))
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			err := add(t, b, "alice", fmt.Sprintf("d%d", n), Addresses{})
			if full := new(LimitError); err != nil && !errors.As(err, &full) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := read(t, b).DeviceCount("alice"); n != limit {
		t.Errorf("%d devices", n)
	}
}

func TestAddresses(t *testing.T) {
	b, ctx := bookOf(t, nil), t.Context()
	to := func(ipv4 string) Addresses { return Addresses{IPv4: ipv4, Network: network{}} }
	set := func(device, ipv4 string) error {
		_, err := b.ChangeDevice(ctx, "alice", device, to(ipv4), func(*Device) error { return nil })
		return err
	}
	must(t, b.AddUser(ctx, User{Name: "alice"}), add(t, b, "alice", "phone", to("10.8.0.254")), add(t, b, "alice", "pad", to(Auto)))
	says(t, add(t, b, "alice", "desk", to("10.8.0.253")), "10.8.0.253 is the address of device alice/pad")
	says(t, add(t, b, "alice", "desk", to("192.0.2.1")), "is not in 10.8.0.0/24")
	says(t, add(t, b, "alice", "desk", to("fd00::1")), "expected an IPv4 address, auto or none")
	says(t, add(t, b, "alice", "desk", Addresses{IPv6: Auto, Network: network{}}), "no IPv6 address of the server's network is free")
	v := read(t, b)
	if d := v.ByAddress(netip.MustParseAddr("10.8.0.253")); d == nil || d.Name != "pad" || v.Device("alice", "desk") != nil {
		t.Errorf("%+v", d)
	}
	says(t, set("pad", "10.8.0.254"), "is the address of device alice/phone")
	must(t, set("pad", Auto), set("phone", None), set("pad", "10.8.0.254"), set("phone", "10.8.0.253"), b.RemoveDevice(ctx, "alice", "pad"))
	v = read(t, b)
	if v.Device("alice", "phone").IPv4 != netip.MustParseAddr("10.8.0.253") || v.ByAddress(netip.MustParseAddr("10.8.0.254")) != nil {
		t.Errorf("%+v", v.Device("alice", "phone"))
	}
}

// TestAddressesAtOnce: devices that get the next free address at the same time get
// different ones.
func TestAddressesAtOnce(t *testing.T) {
	b := bookOf(t, nil)
	var all sync.WaitGroup
	for n := range 10 {
		user := fmt.Sprintf("u%d", n)
		must(t, b.AddUser(t.Context(), User{Name: user}))
		all.Go(func() {
			if err := add(t, b, user, "phone", Addresses{IPv4: Auto, Network: network{}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := make(map[netip.Addr]bool)
	for d := range read(t, b).Devices() {
		seen[d.IPv4] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d addresses", len(seen))
	}
}

// TestRemoveUser: nothing of a user is left, also of one with more devices than one
// transaction removes.
func TestRemoveUser(t *testing.T) {
	s := memory.New()
	b, ctx := bookOf(t, s), t.Context()
	must(t, b.AddUser(ctx, User{Name: "alice"}), b.AddUser(ctx, User{Name: "alice2"}), add(t, b, "alice2", "phone", Addresses{IPv4: Auto, Network: network{}}))
	before, err := s.List(ctx, "")
	must(t, err)
	must(t, b.AddUser(ctx, User{Name: "alic"}))
	for n := range 250 {
		must(t, add(t, b, "alic", fmt.Sprintf("d%d", n), Addresses{IPv4: Auto, Network: network{}}))
	}
	removed, err := b.RemoveUser(ctx, "alic")
	if len(removed) != 250 || err != nil {
		t.Errorf("%d devices, %v", len(removed), err)
	}
	after, err := s.List(ctx, "")
	must(t, err)
	if !slices.EqualFunc(before.Entries, after.Entries, func(a, b store.Entry) bool { return a.Key == b.Key }) {
		t.Errorf("%v", after.Entries)
	}
	_, err = b.RemoveUser(ctx, "alic")
	says(t, err, "there is no user \"alic\"; did you mean alice?")
}

// TestRemovedMeanwhile: a user who is removed while a device is added leaves none.
func TestRemovedMeanwhile(t *testing.T) {
	s := memory.New()
	b, ctx := bookOf(t, s), t.Context()
	for n := range 30 {
		must(t, b.AddUser(ctx, User{Name: "alice"}))
		var both sync.WaitGroup
		both.Go(func() { add(t, b, "alice", "phone", Addresses{}) })
		both.Go(func() {
			if _, err := b.RemoveUser(ctx, "alice"); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if all, err := s.List(ctx, ""); err != nil || len(all.Entries) > 0 {
			t.Fatalf("%d: %v, %v", n, all.Entries, err)
		}
	}
}

func TestImport(t *testing.T) {
	b, ctx := bookOf(t, nil), t.Context()
	must(t, b.AddGroup(ctx, Group{Name: "staff"}))
	all := make([]User, 1000)
	for i := range all {
		all[i] = User{Name: fmt.Sprintf("u%d", i), Groups: []string{"staff"}}
	}
	if n, err := b.Import(ctx, all); n != len(all) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if users, _ := read(t, b).Count(); users != len(all) {
		t.Errorf("%d users", users)
	}
	for want, faulty := range map[string]User{"user u7 exists": {Name: "u7"}, "there is no group": {Name: "eve", Groups: []string{"stff"}}, "expected 1 to 64": {Name: ""}, "user new exists": {Name: "new"},
		"there is user u8, whose": {Name: "U8"}, "there is user new, whose": {Name: "NEW"}} {
		n, err := b.Import(ctx, []User{{Name: "new"}, faulty})
		if fault := new(ImportError); !errors.As(err, &fault) || fault.Number != 1 {
			t.Errorf("%s: %#v", want, err)
		}
		if says(t, err, want); n != 0 || read(t, b).User("new") != nil {
			t.Errorf("%s: %d were added", want, n)
		}
	}
}

func TestExpiry(t *testing.T) {
	for text, want := range map[string]time.Time{"never": {}, "2026-12-31": time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), "30d": then.AddDate(0, 0, 30), "2w": then.AddDate(0, 0, 14), "1h": then.Add(time.Hour),
		"2026-11-27": time.Date(2026, 11, 27, 23, 59, 59, 0, time.UTC)} {
		if got, err := ParseExpiry(text, then); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "0d", "-1d", "30", "30m", "2026-13-01", "2026-11-26", "99999999999w", "2147483647w", "é"} {
		if got, err := ParseExpiry(text, then); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// FuzzParseExpiry: an end is in the future, or there is none.
func FuzzParseExpiry(f *testing.F) {
	for _, s := range []string{"never", "30d", "2026-12-31", "9w", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if end, err := ParseExpiry(s, then); err == nil && !end.IsZero() && !end.After(then) {
			t.Errorf("%q: %v", s, end)
		}
	})
}
