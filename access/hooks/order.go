package hooks

import (
	"context"
	"sync"
)

// Order makes things that concern the same client or address come one after the other,
// in the order in which they entered, while others go on beside them. The zero value is
// ready.
type Order struct {
	mu   sync.Mutex
	last map[string]*Turn // of each key
}

// Turn is a place in an Order.
type Turn struct {
	order  *Order
	keys   []string
	before []<-chan struct{}
	done   chan struct{}
	once   sync.Once
}

// Enter takes a place behind all that concern one of the keys. Call Done once it is over.
func (o *Order) Enter(keys ...string) *Turn {
	t := &Turn{order: o, keys: keys, done: make(chan struct{})}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last == nil {
		o.last = make(map[string]*Turn)
	}
	for _, k := range keys {
		if b := o.last[k]; b != nil && b != t {
			t.before = append(t.before, b.done)
		}
		o.last[k] = t
	}
	return t
}

// Wait waits until it is the turn's time; it returns the cause of ctx if that ends first.
func (t *Turn) Wait(ctx context.Context) error {
	for _, b := range t.before {
		select {
		case <-b:
			continue
		default:
		}
		select {
		case <-b:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Done lets the next have their time, once all before are done. It may be called more
// than once, and on nil, and does not wait.
func (t *Turn) Done() {
	if t == nil {
		return
	}
	t.once.Do(func() {
		if t.Wait(ended) == nil {
			t.leave()
			return
		}
		go func() { // it gave up waiting: those behind it still have to
			_ = t.Wait(context.Background())
			t.leave()
		}()
	})
}

// ended is a context that is over.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (t *Turn) leave() {
	t.order.mu.Lock()
	defer t.order.mu.Unlock()
	for _, k := range t.keys {
		if t.order.last[k] == t {
			delete(t.order.last, k)
		}
	}
	close(t.done)
}
