package memory

import (
	"context"
	"errors"
	"testing"

	"culvert/store"
)

func TestConflict(t *testing.T) {
	s := New()
	ctx := context.Background()
	first, err := s.Commit(ctx, store.Txn{If: []store.Compare{{Key: "a"}}, Put: []store.Put{{Key: "a", Value: []byte("1")}}})
	if err != nil || first != 1 {
		t.Fatal(first, err)
	}
	var conflict *store.ConflictError
	if _, err := s.Commit(ctx, store.Txn{If: []store.Compare{{Key: "a"}}, Put: []store.Put{{Key: "b"}}}); !errors.As(err, &conflict) || conflict.Now != 1 {
		t.Errorf("a key that is there: %v", err)
	}
	if _, err := s.Get(ctx, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a transaction that failed changed something: %v", err)
	}
}
