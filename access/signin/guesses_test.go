package signin

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/store"
	"culvert/store/memory"
)

// TestGuessesOutliveServer: who guesses gets no fresh start by a server that starts over,
// neither from elsewhere nor by another name, and the user comes in from their own device
// as ever.
func TestGuessesOutliveServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, people(t))
		w.put("groups/everyone", map[string]any{"name": "everyone", "require": [][]string{{"password"}}})
		synctest.Wait()
		for i := range 200 { // many for one name, and then many from one place
			w.check(client("", "alice", "guess", at(fmt.Sprintf("198.51.100.%d/32", i))))
			w.check(client("", fmt.Sprint("nobody", i), "guess", at("192.0.2.66/32")))
		}
		slowed := func() (by []string) {
			for name, r := range map[string]string{"alice": "203.0.113.50/32", "carol": "192.0.2.66/32"} {
				if v := w.check(client("", name, "guess", at(r))); strings.HasPrefix(v.Reason, "too many wrong passwords") {
					by = append(by, name)
				}
			}
			return by
		}
		if by := slowed(); len(by) != 2 {
			t.Fatalf("slowed down: %v", by)
		}
		before := w.Checker
		if w.Checker = New(before.o); len(slowed()) != 0 {
			t.Error("a checker that nobody told is slow") // else the rest shows nothing
		}
		w.Checker = before
		for range 2 {
			w.startOver()
			if by := slowed(); len(by) != 2 {
				t.Errorf("slowed down after a new start: %v", by)
			}
			if v := w.check(client("phone.alice", "alice", "correct horse", at("203.0.113.51/32"))); !v.OK {
				t.Errorf("alice's own phone: %+v", v)
			}
		}
		time.Sleep(forget + time.Second)
		if v := w.check(client("", "alice", "correct horse", at("203.0.113.52/32"))); !v.OK {
			t.Errorf("after a while: %+v", v)
		}
		time.Sleep(forget + time.Second)
		w.startOver()
		if e, err := w.store.Get(t.Context(), guessesKey); err == nil {
			t.Errorf("kept, though nothing counts: %s", e.Value)
		}
	})
}

// startOver has the world's server end and begin again.
func (w *world) startOver() {
	ctx, end := context.WithCancel(context.Background())
	end()
	w.Follow(ctx)
	w.Checker = New(w.o)
}

// TestGuessesFit: full tables fit in a value, and all of what is kept comes back.
func TestGuessesFit(t *testing.T) {
	g, now := newGuard(), start
	for i := range g.names {
		g.names[i] = budget{1 << 30, now}
	}
	for i := range g.places {
		g.places[i] = budget{1 << 30, now.Add(-time.Minute)}
	}
	long := strings.Repeat("x", 64)
	for i := range maxKnown {
		g.known[fmt.Sprint(long, "\x00", long, i)] = &budget{i%maxGuesses + 1, now.Add(-time.Duration(i) * time.Millisecond)}
	}
	all, ok := g.counted(now)
	value, err := store.Encode(guessesVersion, all)
	if err != nil || !ok || len(value) > store.MaxValue {
		t.Fatalf("%d bytes, %v, %v", len(value), ok, err)
	}
	var read guesses
	if _, err := store.Decode(store.Entry{Key: guessesKey, Value: value}, guessesVersion, &read); err != nil {
		t.Fatal(err)
	}
	later := newGuard()
	if err := later.resume(read, now); err != nil {
		t.Fatal(err)
	}
	again, _ := later.counted(now)
	text, err := store.Encode(guessesVersion, again)
	if err != nil || !bytes.Equal(text, value) || len(later.known) != maxKept {
		t.Errorf("%d bytes came back, of %d: %v", len(text), len(value), err)
	}
	for key := range maps.Keys(later.known) {
		if now.Sub(later.known[key].last) >= maxKept*time.Millisecond {
			t.Fatalf("%q was kept, and later ones not", key)
		}
	}
	f := from{user: "alice", place: netip.MustParsePrefix("192.0.2.1/32")}
	if later.guess(now, f) != g.guess(now, f) || later.guess(now, f) == 0 {
		t.Error("another wait")
	}
}

// TestGuessesDamaged: a record that cannot be used is said, and everybody begins anew. A
// clock that was set back makes no wait longer.
func TestGuessesDamaged(t *testing.T) {
	for _, value := range []string{
		"", "{", `{"v":2,"r":{}}`, `{"v":1,"r":{}}`, `{"v":1,"r":{"key":"AAAA"}}`, `{"v":1,"r":{"key":"AAAAAAAAAAAAAAAAAAAAAA==","names":[[8192,1,1]]}}`,
		`{"v":1,"r":{"key":"AAAAAAAAAAAAAAAAAAAAAA==","places":[[-1,1,1]]}}`, `{"v":1,"r":{"key":"AAAAAAAAAAAAAAAAAAAAAA==","names":[[1,1]]}}`,
	} {
		var said strings.Builder
		s := memory.New()
		if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: guessesKey, Value: []byte(value)}}}); err != nil {
			t.Fatal(err)
		}
		c := New(Options{Store: s, Log: slog.New(slog.NewTextHandler(&said, nil))})
		if _, some := c.guard.counted(start); some || !strings.Contains(said.String(), "whoever guesses begins anew") || !strings.Contains(said.String(), guessesKey) {
			t.Errorf("%s: %v, %s", value, some, said.String())
		}
		c.keepGuesses()
		if strings.Contains(said.String(), "not kept") {
			t.Errorf("%s: %s", value, said.String())
		}
	}
	g := newGuard()
	if err := g.resume(guesses{Key: g.key[:], Names: []kept{{1, 1 << 40, start.Add(time.Hour).UnixMilli()}, {2, -7, -1 << 60}}}, start); err != nil {
		t.Fatal(err)
	}
	if wait := g.names[1].wait(start, limitName); wait > limitName.longest {
		t.Error(wait)
	}
	if wait := g.names[2].wait(start, limitName); wait != 0 {
		t.Error(wait)
	}
}
