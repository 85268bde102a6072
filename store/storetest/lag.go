package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"culvert/store"
)

// testWatchLags is Lag with more than a connection holds.
func testWatchLags(t *testing.T, s *subject) { Lag(t, s.Store, s.Store, 256<<10, 12) }

// Lag tests who watches an empty store and does not read: they hold up neither who writes,
// transactions of so many bytes, nor others who watch. They have all in order afterwards, or
// are told that they have not, and go on from a list. writes and watched are the same store.
func Lag(t *testing.T, writes, watched store.Store, size, transactions int) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, s := &subject{t, writes, ctx}, &subject{t, watched, ctx}
	last := store.Revision(1 + transactions)
	w.put("small", "")
	stuck, release, lagged := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { lagged <- s.lag(stuck, release, last) }()
	select {
	case <-stuck:
	case err := <-lagged:
		t.Fatal(err)
	}
	others := s.revisions("small", 1)
	for range transactions {
		at := w.put("small", "", "large", string(make([]byte, size)))
		select {
		case got := <-others:
			if got != at {
				t.Fatalf("another watch has revision %d, expected %d", got, at)
			}
		case <-ctx.Done():
			t.Fatal("another watch is held up")
		}
	}
	close(release)
	if err := <-lagged; err != nil && !errors.Is(err, store.ErrCompacted) {
		t.Fatal(err)
	}
	_, now := s.list("none")
	watch := s.watching(ctx, "", now)
	w.put("a", "1")
	if got, want := s.read(watch), fmt.Sprintf("a=1@%d", last+1); got != want {
		t.Errorf("watched from a list: %q, expected %q", got, want)
	}
}

// lag watches, closes stuck at the first revision, waits for release, and reads on until
// the last. Its error is what the watch said, or that something was missing.
func (s *subject) lag(stuck, release chan struct{}, last store.Revision) error {
	at := store.Revision(0)
	for batch, err := range s.Watch(s.ctx, "", 0) {
		if err != nil {
			return err
		}
		if at++; batch[0].Revision != at {
			return fmt.Errorf("revision %d, where %d is next: something is missing, and nobody said so", batch[0].Revision, at)
		}
		if at == 1 {
			close(stuck)
			select {
			case <-release:
			case <-s.ctx.Done():
			}
		}
		if at == last {
			return nil
		}
	}
	return fmt.Errorf("the watch ended after revision %d of %d without a word", at, last)
}

// revisions are those that a watch of a prefix yields, 0 once it has ended.
func (s *subject) revisions(prefix string, after store.Revision) <-chan store.Revision {
	all := make(chan store.Revision, 100)
	go func() {
		defer close(all)
		for batch, err := range s.Watch(s.ctx, prefix, after) {
			if err != nil {
				return
			}
			all <- batch[0].Revision
		}
	}()
	return all
}
