// Package storetest has the tests that every engine of store passes.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/store"
)

// patience is how long something that has to happen may take.
const patience = time.Minute

// Test tests an engine. open returns an empty store, and closes it at the test's end.
func Test(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *subject)
	}{
		{"Get", testGet},
		{"List", testList},
		{"ListOrder", testListOrder},
		{"Conflict", testConflict},
		{"OneRevision", testOneRevision},
		{"NoChange", testNoChange},
		{"Limits", testLimits},
		{"Whole", testWhole},
		{"Values", testValues},
		{"Writers", testWriters},
		{"Watch", testWatch},
		{"WatchPrefix", testWatchPrefix},
		{"WatchFrom", testWatchFrom},
		{"WatchUnknown", testWatchUnknown},
		{"WatchWriters", testWatchWriters},
		{"WatchLags", testWatchLags},
		{"WatchStops", testWatchStops},
		{"Cancelled", testCancelled},
		{"Close", testClose},
		{"CloseWhileWatching", testCloseWhileWatching},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c.test(t, &subject{t, open(t), ctx})
		})
	}
}

// subject is a store under test.
type subject struct {
	t *testing.T
	store.Store
	ctx context.Context
}

func (s *subject) commit(t store.Txn) store.Revision {
	s.t.Helper()
	at, err := s.Commit(s.ctx, t)
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

func (s *subject) put(pairs ...string) store.Revision {
	s.t.Helper()
	var t store.Txn
	for i := 0; i < len(pairs); i += 2 {
		t.Put = append(t.Put, store.Put{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return s.commit(t)
}

// list returns the entries as KEY=VALUE@REVISION, and the revision of all.
func (s *subject) list(prefixes ...string) (string, store.Revision) {
	s.t.Helper()
	snap, err := s.List(s.ctx, prefixes...)
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for _, e := range snap.Entries {
		all = append(all, fmt.Sprintf("%s=%s@%d", e.Key, e.Value, e.Revision))
	}
	return strings.Join(all, " "), snap.Revision
}

// words are the changes of a batch: KEY=VALUE@REVISION, or -KEY@REVISION.
func words(batch []store.Change) string {
	var all []string
	for _, c := range batch {
		if c.Deleted {
			all = append(all, fmt.Sprintf("-%s@%d", c.Key, c.Revision))
		} else {
			all = append(all, fmt.Sprintf("%s=%s@%d", c.Key, c.Value, c.Revision))
		}
	}
	return strings.Join(all, " ")
}

// next returns the next n batches of a watch.
func (s *subject) next(prefix string, after store.Revision, n int) (all []string) {
	s.t.Helper()
	for batch, err := range s.Watch(s.ctx, prefix, after) {
		if err != nil {
			s.t.Fatal(err)
		}
		if all = append(all, words(batch)); len(all) == n {
			return all
		}
	}
	s.t.Fatalf("the watch ended after %q, of %d", all, n)
	return nil
}

func testGet(t *testing.T, s *subject) {
	if _, err := s.Get(s.ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	s.put("a", "1", "b", "")
	at := s.put("a", "2")
	e, err := s.Get(s.ctx, "a")
	if err != nil || e.Key != "a" || string(e.Value) != "2" || e.Revision != at || at != 2 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := s.Get(s.ctx, "b"); err != nil || len(e.Value) != 0 || e.Revision != 1 {
		t.Errorf("an empty value: %+v, %v", e, err)
	}
	s.commit(store.Txn{Delete: []string{"a"}})
	if _, err := s.Get(s.ctx, "a"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what was deleted: %v", err)
	}
	for _, key := range []string{"", "\x00", "a b", "\xff", strings.Repeat("k", 2*store.MaxKey)} {
		if _, err := s.Get(s.ctx, key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%.10q, which cannot be there: %v", key, err)
		}
	}
}

func testList(t *testing.T, s *subject) {
	if got, at := s.list(""); got != "" || at != 0 {
		t.Errorf("an empty store: %q at %d", got, at)
	}
	s.put("users/bob", "1", "users/alice", "2", "users", "3", "users0", "4", "~", "5")
	for _, c := range []struct{ prefix, want string }{
		{"users/", "users/alice=2@1 users/bob=1@1"},
		{"users/b", "users/bob=1@1"},
		{"users/bob", "users/bob=1@1"},
		{"users", "users=3@1 users/alice=2@1 users/bob=1@1 users0=4@1"},
		{"~", "~=5@1"},
		{"~~", ""},
		{"zz", ""},
		{"\xff", ""},
		{"\xff\xff", ""},
		{"users/\xff", ""},
		{"\x00", ""},
		{"users/ä", ""},
	} {
		if got, at := s.list(c.prefix); got != c.want || at != 1 {
			t.Errorf("%q: %q at %d, expected %q at 1", c.prefix, got, at, c.want)
		}
	}
	for _, c := range []struct {
		prefixes []string
		want     string
	}{
		{nil, ""},
		{[]string{"~", "none", "users/"}, "~=5@1 users/alice=2@1 users/bob=1@1"},
		{[]string{"users/b", "users/"}, "users/bob=1@1 users/alice=2@1 users/bob=1@1"},
	} {
		if got, at := s.list(c.prefixes...); got != c.want || at != 1 {
			t.Errorf("%q: %q at %d, expected %q at 1", c.prefixes, got, at, c.want)
		}
	}
	s.commit(store.Txn{Delete: []string{"users/bob"}, Put: []store.Put{{Key: "users/carol", Value: []byte("6")}}})
	if got, at := s.list("users/"); got != "users/alice=2@1 users/carol=6@2" || at != 2 {
		t.Errorf("after a change: %q at %d", got, at)
	}
}

// testListOrder: the order is that of bytes, and the revision that of the store, though
// the last change was elsewhere.
func testListOrder(t *testing.T, s *subject) {
	keys := []string{"!", "-", "/", "0", "A", "Z", "_", "a", "a!", "a-b", "a/", "a/b", "aa", "~"}
	shuffled := slices.Clone(keys)
	slices.Reverse(shuffled)
	for _, key := range shuffled {
		s.put(key, "")
	}
	snap, err := s.List(s.ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range snap.Entries {
		got = append(got, e.Key)
	}
	if !slices.Equal(got, keys) || snap.Revision != store.Revision(len(keys)) {
		t.Errorf("%q at %d", got, snap.Revision)
	}
	if _, at := s.list("~"); at != store.Revision(len(keys)) {
		t.Errorf("the store's revision: %d", at)
	}
}

func testConflict(t *testing.T, s *subject) {
	fails := func(now store.Revision, c store.Compare, more ...store.Compare) {
		t.Helper()
		_, before := s.list("")
		_, err := s.Commit(s.ctx, store.Txn{If: append(more, c), Put: []store.Put{{Key: "new"}}, Delete: []string{"a"}})
		var conflict *store.ConflictError
		if !errors.As(err, &conflict) || *conflict != (store.ConflictError{Compare: c, Now: now}) {
			t.Errorf("%+v: %v", c, err)
		}
		if _, after := s.list(""); after != before {
			t.Errorf("%+v: something was changed", c)
		}
	}
	fails(0, store.Compare{Key: "a", Revision: 1})
	if at := s.commit(store.Txn{If: []store.Compare{{Key: "a"}, {Key: "b"}}, Put: []store.Put{{Key: "a", Value: []byte("1")}}}); at != 1 {
		t.Errorf("the first is at %d", at)
	}
	fails(1, store.Compare{Key: "a"})
	fails(1, store.Compare{Key: "a", Revision: 2})
	s.put("a", "2")
	fails(2, store.Compare{Key: "a", Revision: 1}, store.Compare{Key: "b"}, store.Compare{Key: "a", Revision: 2})
	s.commit(store.Txn{If: []store.Compare{{Key: "a", Revision: 2}, {Key: "b"}}, Delete: []string{"a"}, Put: []store.Put{{Key: "b"}}})
	fails(0, store.Compare{Key: "a", Revision: 2})
	if got, _ := s.list(""); got != "b=@3" {
		t.Errorf("%q", got)
	}
	if at := s.commit(store.Txn{If: []store.Compare{{Key: "a"}}, Put: []store.Put{{Key: "a"}}}); at != 4 {
		t.Errorf("what was deleted is not there, and made again at %d", at)
	}
}

func testOneRevision(t *testing.T, s *subject) {
	s.put("c", "0", "d", "0")
	at := s.commit(store.Txn{Put: []store.Put{{Key: "b", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "c", Value: []byte("3")}}, Delete: []string{"d", "nothing"}})
	if got, now := s.list(""); got != "a=2@2 b=1@2 c=3@2" || now != at || at != 2 {
		t.Errorf("%q at %d", got, now)
	}
	if got := s.next("", 1, 1); got[0] != "a=2@2 b=1@2 c=3@2 -d@2" {
		t.Errorf("watched: %q", got)
	}
}

func testNoChange(t *testing.T, s *subject) {
	if at := s.commit(store.Txn{}); at != 0 {
		t.Errorf("nothing in an empty store: %d", at)
	}
	s.put("a", "1")
	for _, none := range []store.Txn{{}, {Delete: []string{"b", "c"}}, {If: []store.Compare{{Key: "a", Revision: 1}}}} {
		if at := s.commit(none); at != 1 {
			t.Errorf("%+v: %d", none, at)
		}
	}
	if at := s.put("a", "1"); at != 2 {
		t.Errorf("a put of the same value: %d", at)
	}
	if got := s.next("", 0, 2); !slices.Equal(got, []string{"a=1@1", "a=1@2"}) {
		t.Errorf("watched: %q", got)
	}
}

func testLimits(t *testing.T, s *subject) {
	long := strings.Repeat("k", store.MaxKey)
	s.commit(store.Txn{Put: []store.Put{{Key: long, Value: make([]byte, store.MaxValue)}}})
	if e, err := s.Get(s.ctx, long); err != nil || len(e.Value) != store.MaxValue {
		t.Errorf("the longest: %d, %v", len(e.Value), err)
	}
	var many, large store.Txn
	for i := range store.MaxChanges {
		many.Put = append(many.Put, store.Put{Key: fmt.Sprintf("many/%04d", i)})
	}
	s.commit(many)
	for i := range store.MaxSize/store.MaxValue + 1 {
		large.Put = append(large.Put, store.Put{Key: fmt.Sprint("large/", i), Value: make([]byte, store.MaxValue)})
	}
	_, before := s.list("large/")
	for _, bad := range []store.Txn{
		large,
		{Put: append(many.Put, store.Put{Key: "one/more"})},
		{Put: many.Put, If: []store.Compare{{Key: "many/0000", Revision: 2}}},
		{Put: []store.Put{{Key: long + "k"}}},
		{Put: []store.Put{{Key: "a", Value: make([]byte, store.MaxValue+1)}}},
		{Put: []store.Put{{Key: ""}}},
		{Put: []store.Put{{Key: "a b"}}},
		{Put: []store.Put{{Key: "a\n"}}},
		{Put: []store.Put{{Key: "ä"}}},
		{Put: []store.Put{{Key: "a\xff"}}},
		{Put: []store.Put{{Key: "a"}, {Key: "a"}}},
		{Put: []store.Put{{Key: "a"}}, Delete: []string{"a"}},
		{Delete: []string{"a", "a"}},
		{Delete: []string{""}},
		{If: []store.Compare{{Key: ""}}, Put: []store.Put{{Key: "a"}}},
	} {
		if at, err := s.Commit(s.ctx, bad); err == nil {
			t.Errorf("%d, %.200s", at, fmt.Sprint(bad))
		}
	}
	if _, after := s.list("large/"); after != before {
		t.Errorf("something that was refused was kept")
	}
}

// testValues: what a caller does with its own bytes afterwards changes nothing, and
// entries stay what they are.
func testValues(t *testing.T, s *subject) {
	value := []byte("first")
	s.commit(store.Txn{Put: []store.Put{{Key: "a", Value: value}}})
	copy(value, "XXXXX")
	e, err := s.Get(s.ctx, "a")
	if err != nil || string(e.Value) != "first" {
		t.Fatalf("%q, %v", e.Value, err)
	}
	snap, err := s.List(s.ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 { // and what it was kept in is used again
		s.put("a", fmt.Sprint("later", i), fmt.Sprint("b/", i), strings.Repeat("x", 4000))
	}
	s.commit(store.Txn{Delete: []string{"a"}})
	if string(e.Value) != "first" || string(snap.Entries[0].Value) != "first" {
		t.Errorf("an entry was changed: %q, %q", e.Value, snap.Entries[0].Value)
	}
	if got := s.next("a", 0, 1); got[0] != "a=first@1" {
		t.Errorf("watched: %q", got)
	}
	s.Close()
	if string(e.Value) != "first" || string(snap.Entries[0].Value) != "first" {
		t.Errorf("an entry ended with its store: %q", e.Value)
	}
}

// testWriters: of several who compare and put, each takes its turn.
func testWriters(t *testing.T, s *subject) {
	const writers, each = 8, 10
	done := make(chan error, writers)
	for range writers {
		go func() {
			for n := 0; n < each; {
				e, err := s.Get(s.ctx, "count")
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					done <- err
					return
				}
				_, err = s.Commit(s.ctx, store.Txn{If: []store.Compare{{Key: "count", Revision: e.Revision}}, Put: []store.Put{{Key: "count", Value: append(slices.Clone(e.Value), '+')}}})
				switch {
				case err == nil:
					n++
				case !errors.As(err, new(*store.ConflictError)):
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if e, err := s.Get(s.ctx, "count"); err != nil || len(e.Value) != writers*each || e.Revision != writers*each {
		t.Errorf("%d at %d, %v", len(e.Value), e.Revision, err)
	}
}
