package users

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"culvert/store"
	"culvert/store/memory"
)

// TestShards: as a map, and what was before an edit stays as it was.
func TestShards(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var now shards[int]
	want := map[string]int{}
	for range 200 {
		before, had := now, maps.Clone(want)
		e := edit[int]{now: now}
		for range random.IntN(20) {
			key := fmt.Sprint(random.IntN(300))
			if random.IntN(3) == 0 {
				e.remove(key)
				delete(want, key)
			} else {
				n := random.Int()
				e.set(key, n)
				want[key] = n
			}
		}
		now = e.now
		if got := maps.Collect(before.sorted()); !maps.Equal(got, had) || before.count != len(had) {
			t.Fatal("what was before changed")
		}
		if got := maps.Collect(now.sorted()); !maps.Equal(got, want) || now.count != len(want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	var keys []string
	for key := range now.sorted() {
		keys = append(keys, key)
	}
	if !slices.IsSorted(keys) {
		t.Error(keys)
	}
}

// TestFollow: a directory has what the book changed, and is not told of what others keep.
func TestFollow(t *testing.T) {
	s := memory.New()
	b := bookOf(t, s)
	d, err := Open(t.Context(), s, func(err error) { t.Error(err) })
	must(t, err)
	views := make(chan *View, 100)
	d.OnChange(func(v *View) { views <- v })
	ended := make(chan error, 1)
	go func() { ended <- d.Follow(t.Context()) }()
	must(t, b.AddUser(t.Context(), User{Name: "alice"}))
	if v := <-views; v.User("alice") == nil {
		t.Errorf("%+v", v)
	}
	put(t, s, "leases/10.8.0.2", "phone.alice")
	must(t, add(t, b, "alice", "phone", Addresses{}))
	v := <-views
	if v.ByCommonName("phone.alice") == nil || v.Revision != 3 {
		t.Errorf("%+v", v)
	}
	_, err = b.RemoveUser(t.Context(), "alice")
	must(t, err)
	if v := <-views; v.Known() || v.ByCommonName("phone.alice") != nil || v.DeviceCount("alice") != 0 {
		t.Errorf("%+v", v)
	}
	s.Close()
	if err := <-ended; err == nil {
		t.Error("the store is closed, and nobody was told")
	}
}

// TestDamaged: a record that cannot be read is as if it were not there, and is told.
func TestDamaged(t *testing.T) {
	s := memory.New()
	b := bookOf(t, s)
	must(t, b.AddUser(t.Context(), User{Name: "alice"}), add(t, b, "alice", "phone", Addresses{}))
	for _, key := range []string{"users/alice", "users/bob"} {
		if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: []byte("{")}}}); err != nil {
			t.Fatal(err)
		}
	}
	var told []error
	d, err := Open(t.Context(), s, func(err error) { told = append(told, err) })
	must(t, err)
	if len(told) != 2 || d.View().User("alice") != nil {
		t.Errorf("%v", told)
	}
	if err := d.View().Standing("phone.alice", "").Barred(then); err == nil {
		t.Error("a device whose user cannot be read comes in")
	}
	says(t, b.ChangeUser(t.Context(), "alice", func(*User) error { return nil }), "damaged")
}

// TestUnreadableLetsNobodyIn: a server whose users cannot be read still has some, until they
// are removed, and of a group that cannot be read nobody has what it requires.
func TestUnreadableLetsNobodyIn(t *testing.T) {
	s := memory.New()
	put := store.Txn{Put: []store.Put{{Key: "users/alice", Value: []byte("{")}, {Key: "groups/staff", Value: []byte("{")}}}
	if _, err := s.Commit(t.Context(), put); err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), s, func(error) {})
	must(t, err)
	v := d.View()
	if g := v.Group("staff"); !v.Known() || g == nil || len(g.Require) != 1 || g.Require[0].Known() {
		t.Errorf("known %v, %+v", v.Known(), g)
	}
	changes := []store.Change{{Entry: store.Entry{Key: "users/alice"}, Deleted: true}, {Entry: store.Entry{Key: "groups/staff"}, Deleted: true}}
	if v, _ = v.after(changes, func(err error) { t.Error(err) }); v.Known() || v.Group("staff") != nil {
		t.Errorf("after their removal: known %v, %+v", v.Known(), v.Group("staff"))
	}
}

// office is 10,000 users with three devices each.
func office(b *testing.B) (*memory.Store, *Directory) {
	s := memory.New()
	book := bookOf(b, s)
	must(b, book.AddGroup(b.Context(), Group{Name: "staff"}), book.AddGroup(b.Context(), Group{Name: Everyone}))
	all := make([]User, 10_000)
	for i := range all {
		all[i] = User{Name: fmt.Sprintf("user%05d", i), FullName: "Somebody With A Name", Groups: []string{"staff"}}
	}
	_, err := book.Import(b.Context(), all)
	must(b, err)
	for _, u := range all {
		var t store.Txn
		for _, name := range []string{"phone", "laptop", "pad"} {
			d := Device{User: u.Name, Name: name, CommonName: name + "." + u.Name, Created: then}
			record, err1 := store.Encode(deviceVersion, &d)
			index, err2 := store.Encode(indexVersion, d.Key())
			must(b, err1, err2)
			t.Put = append(t.Put, store.Put{Key: devicesPrefix + d.Key(), Value: record}, store.Put{Key: certificatesPrefix + d.CommonName, Value: index})
		}
		_, err := s.Commit(b.Context(), t)
		must(b, err)
	}
	d, err := Open(b.Context(), s, func(err error) { b.Error(err) })
	must(b, err)
	return s, d
}

func BenchmarkOpen(b *testing.B) {
	s, _ := office(b)
	for b.Loop() {
		_, err := Open(b.Context(), s, func(err error) { b.Error(err) })
		must(b, err)
	}
}

// BenchmarkList: all users with their devices, in order.
func BenchmarkList(b *testing.B) {
	_, d := office(b)
	for b.Loop() {
		n := 0
		for u := range d.View().Users() {
			n += len(d.View().DevicesOf(u.Name))
		}
		if n != 30_000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkStanding(b *testing.B) {
	_, d := office(b)
	for b.Loop() {
		if s := d.View().Standing("pad.user07777", "user07777"); s.User == nil || s.Device == nil || s.Barred(then) != nil {
			b.Fatal("unknown")
		}
	}
}

// BenchmarkChange: one of 40,000 records changes.
func BenchmarkChange(b *testing.B) {
	_, d := office(b)
	value, err := store.Encode(userVersion, User{Name: "user07777"})
	must(b, err)
	batch := []store.Change{{Entry: store.Entry{Key: "users/user07777", Value: value, Revision: 1 << 40}}}
	b.ReportAllocs()
	for b.Loop() {
		d.View().after(batch, func(err error) { b.Error(err) })
	}
}

// BenchmarkOthersChange: what changed is nothing of ours.
func BenchmarkOthersChange(b *testing.B) {
	_, d := office(b)
	batch := []store.Change{{Entry: store.Entry{Key: "usage/user07777/pad", Revision: 1 << 40}}}
	for b.Loop() {
		d.View().after(batch, func(err error) { b.Error(err) })
	}
}

func BenchmarkImport(b *testing.B) {
	all := make([]User, 10_000)
	for i := range all {
		all[i] = User{Name: fmt.Sprintf("user%05d", i), Created: time.Time{}}
	}
	for b.Loop() {
		_, err := bookOf(b, nil).Import(b.Context(), all)
		must(b, err)
	}
}
