package doctor

import (
	"context"
	"fmt"
	"sync"
)

// shared is a fact that several checks need. It is found out once, when the first of
// them asks.
type shared[T any] struct {
	find  func(ctx context.Context) (T, error)
	ctx   context.Context // of the whole examination
	once  sync.Once
	done  chan struct{}
	value T
	err   error
}

func share[T any](ctx context.Context, find func(ctx context.Context) (T, error)) *shared[T] {
	return &shared[T]{find: find, ctx: ctx, done: make(chan struct{})}
}

// get waits for the fact until ctx ends.
func (s *shared[T]) get(ctx context.Context) (T, error) {
	s.once.Do(func() {
		go func() {
			defer close(s.done)
			defer func() {
				if p := recover(); p != nil {
					s.err = fmt.Errorf("a fault of this program: %v", p)
				}
			}()
			s.value, s.err = s.find(s.ctx)
		}()
	})
	select {
	case <-s.done:
		return s.value, s.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("it took too long to find out: %w", ctx.Err())
	}
}
