package service

import (
	"testing"

	"culvert/store"
)

// TestPassing: of a server without a directory, the next one has what slows down who
// guesses, and no people.
func TestPassing(t *testing.T) {
	p := new(passing)
	first, err := p.next()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "guesses/wrong", Value: []byte("1")}, {Key: "users/alice"}}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		next, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if snap, err := next.List(t.Context(), ""); err != nil || len(snap.Entries) != 1 || snap.Entries[0].Key != "guesses/wrong" || string(snap.Entries[0].Value) != "1" {
			t.Errorf("%+v, %v", snap, err)
		}
	}
}
