package hooks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestOrder: what shares a key comes in order, also behind one that gave up; others do
// not wait.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o Order
		first, second, third := o.Enter("anna", "10.8.0.2"), o.Enter("10.8.0.2"), o.Enter("10.8.0.2", "bert")
		other := o.Enter("carl")
		if err := errors.Join(first.Wait(t.Context()), other.Wait(t.Context())); err != nil {
			t.Fatal(err)
		}
		if err := second.Wait(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("the second did not wait: %v", err)
		}
		second.Done()
		come := make(chan error, 1)
		go func() { come <- third.Wait(context.Background()) }()
		synctest.Wait()
		select {
		case <-come:
			t.Error("the third overtook the first")
		default:
		}
		first.Done()
		first.Done()
		if err := <-come; err != nil {
			t.Error(err)
		}
		third.Done()
		other.Done()
		(*Turn)(nil).Done()
		synctest.Wait()
		if len(o.last) != 0 {
			t.Errorf("kept: %v", o.last)
		}
	})
}
