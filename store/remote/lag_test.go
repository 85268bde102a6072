package remote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/store"
	"culvert/store/memory"
	"culvert/store/storetest"
)

// TestLag: somebody on the socket who does not read, while more changes than the process
// that has the store remembers.
func TestLag(t *testing.T) {
	m := memory.New()
	storetest.Lag(t, m, dialed(t, m), store.MaxValue, 72)
}

// TestGivenUp: a watch that does not read for too long is given up, so that what it was
// to read is not kept for it, and told so once it reads: that it missed something, and not
// that the server has ended.
func TestGivenUp(t *testing.T) {
	m := memory.New()
	put := func(size int) {
		t.Helper()
		if _, err := m.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "a", Value: []byte(strings.Repeat("x", size))}}}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "store.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{}, 1)
	mux := handler{m, time.Second}.mux()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
		if strings.HasSuffix(r.URL.Path, "/watch") {
			over <- struct{}{}
		}
	})}
	go server.Serve(l)
	defer server.Close()
	s, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	put(1)
	seen, last := store.Revision(0), error(nil)
	for batch, err := range s.Watch(ctx, "", 0) {
		if last = err; err != nil {
			break
		}
		if seen++; batch[0].Revision != seen {
			t.Fatalf("revision %d, where %d is next", batch[0].Revision, seen)
		}
		if seen > 1 {
			continue
		}
		for range 20 {
			put(store.MaxValue)
		}
		select {
		case <-over:
		case <-ctx.Done():
			t.Fatal("the server waits for who does not read")
		}
	}
	if !errors.Is(last, store.ErrCompacted) || seen > 20 {
		t.Errorf("after revision %d: %v, expected %v", seen, last, store.ErrCompacted)
	}
	if snap, err := s.List(ctx, ""); err != nil || snap.Revision != 21 {
		t.Errorf("a list afterwards: revision %d, %v", snap.Revision, err)
	}
}
