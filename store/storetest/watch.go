package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"culvert/store"
)

// watching reads a watch in a goroutine, and returns what it yields. The channel is
// closed when the watch has ended.
func (s *subject) watching(ctx context.Context, prefix string, after store.Revision) <-chan string {
	all := make(chan string)
	go func() {
		defer close(all)
		for batch, err := range s.Watch(ctx, prefix, after) {
			text := words(batch)
			if err != nil {
				text = "error: " + err.Error()
			}
			select {
			case all <- text:
			case <-s.ctx.Done():
				return
			}
		}
	}()
	return all
}

// read returns the next of a watch, "ended" after its end.
func (s *subject) read(watch <-chan string) string {
	select {
	case text, more := <-watch:
		if !more {
			return "ended"
		}
		return text
	case <-s.ctx.Done():
		return "nothing, after a minute"
	}
}

// testWatch: changes come while a watch waits, one revision at a time.
func testWatch(t *testing.T, s *subject) {
	watch := s.watching(s.ctx, "", 0)
	s.put("a", "1")
	if got := s.read(watch); got != "a=1@1" {
		t.Errorf("%q", got)
	}
	s.put("b", "2", "a", "3")
	s.commit(store.Txn{Delete: []string{"a"}})
	for _, want := range []string{"a=3@2 b=2@2", "-a@3"} {
		if got := s.read(watch); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

// testWatchPrefix: only what begins with the prefix comes, of revisions that have other
// changes, too.
func testWatchPrefix(t *testing.T, s *subject) {
	s.put("users", "", "users/a", "1", "users/b", "2", "users0", "")
	s.put("groups/a", "")
	s.put("users/c", "3", "z", "")
	s.commit(store.Txn{Delete: []string{"users/b", "z"}})
	if got, want := s.next("users/", 0, 3), []string{"users/a=1@1 users/b=2@1", "users/c=3@3", "-users/b@4"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	none := s.watching(s.ctx, "users/\xff", 0)
	last := s.watching(s.ctx, "users/c", 0)
	if got := s.read(last); got != "users/c=3@3" {
		t.Errorf("%q", got)
	}
	select {
	case got := <-none:
		t.Errorf("of a prefix that nothing has: %q", got)
	default:
	}
}

// testWatchFrom: a watch begins after any revision, and leaves out what was before.
func testWatchFrom(t *testing.T, s *subject) {
	for i := range 5 {
		s.put("a", fmt.Sprint(i+1))
	}
	for after := range 5 {
		if got := s.next("", store.Revision(after), 1)[0]; got != fmt.Sprintf("a=%d@%[1]d", after+1) {
			t.Errorf("after %d: %q", after, got)
		}
	}
	_, now := s.list("")
	watch := s.watching(s.ctx, "", now)
	s.put("a", "new")
	if got := s.read(watch); got != "a=new@6" {
		t.Errorf("after the last: %q", got)
	}
}

// testWatchUnknown: revisions that the store never had are refused.
func testWatchUnknown(t *testing.T, s *subject) {
	s.put("a", "1")
	for batch, err := range s.Watch(s.ctx, "", 7) {
		if !errors.Is(err, store.ErrCompacted) || batch != nil {
			t.Errorf("%v, %v", batch, err)
		}
		return
	}
	t.Error("the watch ended without a word")
}

// testWatchWriters: with many writers, several who watch see the same, and each revision
// once and in order.
func testWatchWriters(t *testing.T, s *subject) {
	const writers, each, watchers = 6, 15, 3
	failed := make(chan error, writers+watchers)
	for range watchers {
		go func() {
			at := store.Revision(0)
			for batch, err := range s.Watch(s.ctx, "", 0) {
				at++
				if err == nil && (len(batch) != 2 || batch[0].Revision != at || batch[1].Revision != at) {
					err = fmt.Errorf("%s, expected two of revision %d", words(batch), at)
				}
				if err != nil || at == writers*each {
					failed <- err
					return
				}
			}
			failed <- fmt.Errorf("a watch ended at %d", at)
		}()
	}
	for w := range writers {
		go func() {
			for i := range each {
				value := []byte(fmt.Sprint(i))
				if _, err := s.Commit(s.ctx, store.Txn{Put: []store.Put{{Key: fmt.Sprint("a/", w), Value: value}, {Key: fmt.Sprint("b/", w), Value: value}}}); err != nil {
					failed <- err
					return
				}
				// What a commit has returned is there for those who list, and watch from it.
				snap, err := s.List(s.ctx, fmt.Sprint("a/", w))
				if err == nil && (len(snap.Entries) != 1 || string(snap.Entries[0].Value) != string(value)) {
					err = fmt.Errorf("writer %d does not see what it wrote: %+v", w, snap)
				}
				if err == nil {
					err = s.watchable(snap.Revision)
				}
				if err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range writers + watchers {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}

// watchable fails if a revision that List returned cannot be watched from.
func (s *subject) watchable(after store.Revision) error {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	ends := make(chan error, 1)
	go func() {
		for _, err := range s.Watch(ctx, "", after) {
			ends <- err
			return
		}
		ends <- nil
	}()
	if _, err := s.Get(s.ctx, "none"); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	cancel()
	return <-ends
}

// testWatchStops: whoever stops reading is rid of the watch, and a context that ends
// ends it without an error.
func testWatchStops(t *testing.T, s *subject) {
	s.put("a", "1")
	s.put("a", "2")
	for range s.Watch(s.ctx, "", 0) {
		break
	}
	ctx, cancel := context.WithCancel(s.ctx)
	watch := s.watching(ctx, "", 1)
	if got := s.read(watch); got != "a=2@2" {
		t.Errorf("%q", got)
	}
	cancel()
	if got := s.read(watch); got != "ended" {
		t.Errorf("%q", got)
	}
	again := s.Watch(s.ctx, "", 0) // a sequence can be read twice
	for range 2 {
		for batch, err := range again {
			if words(batch) != "a=1@1" {
				t.Errorf("%q, %v", words(batch), err)
			}
			break
		}
	}
}

func testCancelled(t *testing.T, s *subject) {
	s.put("a", "1")
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.List(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("List: %v", err)
	}
	if _, err := s.Commit(ctx, store.Txn{Put: []store.Put{{Key: "a"}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit: %v", err)
	}
	for batch, err := range s.Watch(ctx, "", 0) {
		t.Errorf("Watch: %v, %v", batch, err)
	}
	if got, _ := s.list(""); got != "a=1@1" {
		t.Errorf("%q", got)
	}
}

func testClose(t *testing.T, s *subject) {
	s.put("a", "1")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := s.Get(s.ctx, "a"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get: %v", err)
	}
	if _, err := s.List(s.ctx, ""); !errors.Is(err, store.ErrClosed) {
		t.Errorf("List: %v", err)
	}
	if _, err := s.Commit(s.ctx, store.Txn{Put: []store.Put{{Key: "a"}}}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Commit: %v", err)
	}
	for batch, err := range s.Watch(s.ctx, "", 0) {
		if !errors.Is(err, store.ErrClosed) || batch != nil {
			t.Errorf("Watch: %v, %v", batch, err)
		}
	}
}

// testCloseWhileWatching: who waits is told, and who writes or reads meanwhile has
// either the answer or ErrClosed.
func testCloseWhileWatching(t *testing.T, s *subject) {
	s.put("a", "1")
	watch := s.watching(s.ctx, "a", 0)
	if got := s.read(watch); got != "a=1@1" {
		t.Errorf("%q", got)
	}
	const busy = 4
	ended := make(chan error, busy)
	for i := range busy {
		go func() {
			for {
				_, err := s.Commit(s.ctx, store.Txn{Put: []store.Put{{Key: fmt.Sprint("b/", i)}}})
				if err == nil {
					_, err = s.List(s.ctx, "b/")
				}
				if err != nil {
					ended <- err
					return
				}
			}
		}()
	}
	for range s.Watch(s.ctx, "b/", 1) {
		break
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := s.read(watch); got != "error: "+store.ErrClosed.Error() {
		t.Errorf("%q", got)
	}
	if got := s.read(watch); got != "ended" {
		t.Errorf("%q", got)
	}
	for range busy {
		if err := <-ended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("%v", err)
		}
	}
}
