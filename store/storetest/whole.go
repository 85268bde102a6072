package storetest

import (
	"errors"
	"fmt"
	"testing"

	"culvert/store"
)

// testWhole: a large transaction of an engine that makes them is one revision, and all of
// it or nothing.
func testWhole(t *testing.T, s *subject) {
	whole, ok := s.Store.(store.Whole)
	if !ok {
		t.Skip("this engine makes large transactions in steps")
	}
	const n = 5 * store.MaxChanges
	var txn store.Txn
	for i := range n {
		key := fmt.Sprintf("k/%05d", i)
		txn.If, txn.Put = append(txn.If, store.Compare{Key: key}), append(txn.Put, store.Put{Key: key, Value: []byte(key)})
	}
	if _, err := s.Commit(s.ctx, txn); err == nil {
		t.Error("Commit takes more than it may")
	}
	at, err := whole.CommitAll(s.ctx, txn)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := s.List(s.ctx, "k/")
	if err != nil || len(snap.Entries) != n || snap.Revision != at {
		t.Fatalf("%d entries at %d, %v: expected %d at %d", len(snap.Entries), snap.Revision, err, n, at)
	}
	for batch, err := range s.Watch(s.ctx, "k/", at-1) {
		if err != nil || len(batch) != n || batch[n-1].Revision != at {
			t.Errorf("%d changes, %v", len(batch), err)
		}
		break
	}
	// The last condition does not hold any more.
	var again store.Txn
	for _, e := range snap.Entries {
		again.If, again.Delete = append(again.If, store.Compare{Key: e.Key, Revision: e.Revision}), append(again.Delete, e.Key)
	}
	last := snap.Entries[n-1].Key
	now := s.commit(store.Txn{Put: []store.Put{{Key: last, Value: []byte("changed")}}})
	var conflict *store.ConflictError
	if _, err := whole.CommitAll(s.ctx, again); !errors.As(err, &conflict) || conflict.Key != last || conflict.Now != now {
		t.Errorf("%v: expected a conflict", err)
	}
	if snap, err := s.List(s.ctx, "k/"); err != nil || len(snap.Entries) != n {
		t.Errorf("%d entries are left, %v", len(snap.Entries), err)
	}
}
