package users

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"culvert/store"
	"culvert/store/memory"
)

// small is a few people whose names are in each other's way.
func small(t *testing.T) (*memory.Store, *Book) {
	s := memory.New()
	b := bookOf(t, s)
	must(t, b.AddGroup(t.Context(), Group{Name: "staff"}), b.AddGroup(t.Context(), Group{Name: "sales"}))
	for _, name := range []string{"a", "a-b", "a.b", "ab", "alice"} {
		must(t, b.AddUser(t.Context(), User{Name: name, Groups: []string{"staff"}}))
		for _, device := range []string{"phone", "pad"}[:len(name)%3] {
			must(t, add(t, b, name, device, Addresses{}))
		}
	}
	return s, b
}

// TestRoll: a roll has what a view has, and of kinds that nobody asked for nothing.
func TestRoll(t *testing.T) {
	s, b := small(t)
	v := read(t, b)
	r, err := b.Roll(t.Context(), func(err error) { t.Error(err) }, Users, DeviceCounts, Groups, Devices)
	must(t, err)
	var names []string
	for u := range v.Users() {
		names = append(names, u.Name)
		if got, want := fmt.Sprint(keys(r.DevicesOf(u.Name))), fmt.Sprint(keys(v.DevicesOf(u.Name))); got != want || r.DeviceCount(u.Name) != v.DeviceCount(u.Name) {
			t.Errorf("%s: %d devices %s, expected %s", u.Name, r.DeviceCount(u.Name), got, want)
		}
		if len(r.GroupsOf(u)) != len(v.GroupsOf(u)) {
			t.Errorf("%s: groups %v", u.Name, r.GroupsOf(u))
		}
	}
	if got := r.Members("staff"); !slices.Equal(got, names) || len(r.Members("sales")) != 0 || len(r.Members(Everyone)) != len(names) {
		t.Errorf("%v", got)
	}
	if got, want := keys(r.Devices), keys(slices.Collect(v.Devices())); !slices.Equal(slices.Sorted(slices.Values(got)), want) || len(r.Groups) != 2 {
		t.Errorf("%v, expected %v", got, want)
	}
	_, err = r.FindGroup("stafff")
	says(t, err, "did you mean staff?")
	put(t, s, "users/bad", "{")
	var told []string
	r, err = b.Roll(t.Context(), func(err error) { told = append(told, err.Error()) }, Users)
	if err != nil || len(r.Users) != len(names) || len(r.Devices)+len(r.Groups) != 0 || len(told) != 1 || !strings.Contains(told[0], "users/bad") {
		t.Errorf("%v, %v, %v", r, told, err)
	}
}

func keys(all []*Device) (keys []string) {
	for _, d := range all {
		keys = append(keys, d.Key())
	}
	return keys
}

// TestViewOf: a view of one user says of them what a view of all says.
func TestViewOf(t *testing.T) {
	s, b := small(t)
	all := read(t, b)
	fail := func(err error) { t.Error(err) }
	for u := range all.Users() {
		v, err := b.ViewOf(t.Context(), u.Name, fail)
		must(t, err)
		if got, want := keys(v.DevicesOf(u.Name)), keys(all.DevicesOf(u.Name)); !slices.Equal(got, want) || v.User(u.Name) == nil || len(v.GroupsOf(u)) != 1 {
			t.Errorf("%s: %v, expected %v", u.Name, got, want)
		}
	}
	_, err := b.ViewOf(t.Context(), "alcie", fail)
	says(t, err, "did you mean alice?")
	v, err := b.ViewByCommonName(t.Context(), "phone.alice", fail)
	must(t, err)
	if who := v.Standing("phone.alice", ""); who.User == nil || who.Device == nil || len(who.Groups) != 1 || who.Barred(then) != nil {
		t.Errorf("%+v", who)
	}
	v, err = b.ViewByCommonName(t.Context(), "laptop", fail)
	if err != nil || v.ByCommonName("laptop") != nil {
		t.Errorf("no device: %v", err)
	}
	put(t, s, "users/alice", "{")
	v, err = b.ViewByCommonName(t.Context(), "phone.alice", func(error) {})
	if err != nil || v.Standing("phone.alice", "").Barred(then) == nil {
		t.Errorf("a device whose user cannot be read comes in: %v", err)
	}
	_, err = b.ViewOf(t.Context(), "alice", func(error) {})
	says(t, err, "damaged")
}

// TestLookup: what is looked up one by one is what a view has.
func TestLookup(t *testing.T) {
	s, b := small(t)
	a := netip.MustParseAddr("10.8.0.77")
	must(t, add(t, b, "alice", "laptop", Addresses{IPv4: a.String(), Network: network{}}))
	var told []error
	l := b.Lookup(t.Context(), func(err error) { told = append(told, err) })
	if l.User("alice") == nil || l.User("eve") != nil || l.Group("staff") == nil || l.Group("no") != nil || l.Device("alice", "phone") == nil || l.Device("alice", "no") != nil {
		t.Error("a record is not what it is")
	}
	if d := l.ByAddress(a); d == nil || d.Name != "laptop" || l.ByAddress(a.Next()) != nil {
		t.Errorf("%+v", d)
	}
	if n := len(slices.Collect(l.Users())); n != 5 || len(l.GroupsOf(l.User("alice"))) != 1 || len(slices.Collect(l.Groups())) != 2 || len(slices.Collect(l.Devices())) != 6 {
		t.Errorf("%d users, %d devices", n, len(slices.Collect(l.Devices())))
	}
	put(t, s, "users/alice", "{")
	if l.User("alice") != nil || len(told) != 1 || l.Err() != nil {
		t.Errorf("%v, %v", told, l.Err())
	}
	s.Close()
	if l.User("ab") != nil || !errors.Is(l.Err(), store.ErrClosed) {
		t.Errorf("%v", l.Err())
	}
}

// BenchmarkRoll: what lists of 10,000 users and 30,000 devices read.
func BenchmarkRoll(b *testing.B) {
	s, _ := office(b)
	for name, kinds := range map[string][]Kind{"users and counts": {Users, DeviceCounts}, "users and devices": {Users, Groups, Devices}, "devices": {Devices}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := bookOf(b, s).Roll(b.Context(), func(err error) { b.Error(err) }, kinds...)
				must(b, err)
			}
		})
	}
}

// TestRollUsages: each device has what it carried, also between those that carried nothing
// and records without a device; one that cannot be read is told.
func TestRollUsages(t *testing.T) {
	s := memory.New()
	for _, key := range []string{"alice/a", "alice/b", "alice/phone", "bob/pad", "carol/tv"} {
		user, name, _ := strings.Cut(key, "/")
		put(t, s, devicesPrefix+key, Device{User: user, Name: name})
	}
	for i, key := range []string{"alice/-", "alice/b", "alice/c", "alice/phone", "bob/pad", "dave/-"} {
		put(t, s, usagePrefix+key, Usage{BytesIn: uint64(i)})
	}
	put(t, s, usagePrefix+"bob/pad", "{")
	var told []error
	r, err := bookOf(t, s).Roll(t.Context(), func(err error) { told = append(told, err) }, Devices, Usages)
	must(t, err)
	got := make(map[string]uint64)
	for i, u := range r.Usages {
		if u != nil {
			got[r.Devices[i].Key()] = u.BytesIn
		}
	}
	if want := map[string]uint64{"alice/b": 1, "alice/phone": 3}; !maps.Equal(got, want) || len(told) != 1 || len(r.Usages) != 5 {
		t.Errorf("%v, %v", got, told)
	}
}
